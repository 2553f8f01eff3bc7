from datetime import UTC, datetime

import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER, STRANGER
from doubles.ledger import ContestedLedger
from doubles.registry import FakeRegistry
from readmission.adapters.database import PromotionRecord
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.statement import REJECTED
from readmission.errors import InvalidModel, NotFound, SourceUnavailable, UntrustedModel
from readmission.pipeline.signing import sign_decision, sign_promoted_versions, sign_version


@pytest.fixture
def registry():
    """With two versions that nobody has signed."""
    found = FakeRegistry()
    found.register("run-1", b"one", {"dataset_digest": "digest"})
    found.register("run-2", b"two", {})
    return found


@pytest.fixture
def sign(registry, inference):
    def signing(number="1", signer=SIGNER, reason="validated on ward 3"):
        return sign_version(number, reason, "ana", registry=registry, inference=inference, signer=signer)

    return signing


@pytest.fixture
def upgrade(registry, inference):
    def upgrading(signer=SIGNER):
        return sign_promoted_versions(registry=registry, inference=inference, signer=signer)

    return upgrading


def record(inference, version, action, **evidence):
    """A row of the ledger; without evidence, as a release without signatures wrote it."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    row = PromotionRecord(action, "diabetes_classifier", version, None, "pipeline", at, "why", evidence, "run")
    inference.record_promotion(row)


def is_trusted(registry, number, keys=PUBLIC_KEY):
    try:
        TrustedKeys(keys).check(registry.version(number))
    except UntrustedModel:
        return False
    return True


def test_a_version_that_a_person_signs_is_trusted_and_the_ledger_says_who_and_why(sign, registry, inference):
    sign()

    (row,) = inference.promotions()
    assert is_trusted(registry, "1")
    assert (row.action, row.version, row.who, row.reason) == ("sign", "1", "ana", "validated on ward 3")
    assert row.evidence == {"onnx_digest": registry.version("1").onnx_digest, "dataset_digest": "digest"}


def test_signing_twice_adds_no_second_row(sign, registry, inference):
    sign()
    before = registry.version("1")

    sign()

    assert registry.version("1") == before
    assert len(inference.promotions()) == 1


def test_a_signature_that_was_broken_off_is_completed_without_a_second_row(sign, registry, inference):
    registry.failing = {"tag"}
    with pytest.raises(SourceUnavailable):
        sign()
    registry.failing = set()

    sign()

    assert is_trusted(registry, "1")
    assert len(inference.promotions()) == 1


def test_a_signature_by_another_key_is_a_row_of_its_own(sign, inference):
    sign()
    sign(signer=STRANGER, reason="new key")

    assert [row.reason for row in inference.promotions()] == ["validated on ward 3", "new key"]


def test_a_version_whose_file_has_another_digest_is_not_signed(sign, registry, inference):
    registry.files["run-1"] = b"hostile"

    with pytest.raises(InvalidModel):
        sign()

    assert inference.promotions() == []


def test_a_version_that_is_not_there_is_not_signed(sign):
    with pytest.raises(NotFound):
        sign("9")


def test_a_cleared_run_does_not_undo_what_a_person_signed(sign, registry, inference):
    sign()

    sign_decision(registry.version("1"), REJECTED, registry=registry, inference=inference, signer=SIGNER)

    assert is_trusted(registry, "1")


def test_an_upgrade_signs_what_the_ledger_shows_as_promoted_and_nothing_else(upgrade, registry, inference):
    record(inference, "1", "promote", test_roc_auc=0.69)
    record(inference, "2", "reject")
    registry.promote(registry.version("2"))

    assert upgrade() == ["1"]

    assert (is_trusted(registry, "1"), is_trusted(registry, "2")) == (True, False)


def test_an_upgrade_twice_changes_nothing(upgrade, registry, inference):
    record(inference, "1", "promote")
    upgrade()
    rows, tags = inference.promotions(), registry.version("1").tags

    assert upgrade() == []

    assert (inference.promotions(), registry.version("1").tags) == (rows, tags)


def test_an_upgrade_that_was_broken_off_is_completed(upgrade, registry, inference):
    record(inference, "1", "promote")
    registry.failing = {"tag"}
    with pytest.raises(SourceUnavailable):
        upgrade()
    registry.failing = set()

    assert upgrade() == ["1"]
    assert is_trusted(registry, "1")


def test_a_digest_that_changed_since_the_upgrade_is_not_signed(upgrade, registry, inference):
    record(inference, "1", "promote")
    upgrade()

    registry.exchange("1", b"hostile")

    assert upgrade() == []
    assert not is_trusted(registry, "1")


def test_a_digest_that_changed_since_the_promotion_is_not_signed(upgrade, registry, inference):
    record(inference, "1", "promote", onnx_digest=registry.version("1").onnx_digest)

    registry.exchange("1", b"hostile")

    assert upgrade() == []
    assert not is_trusted(registry, "1")


def test_a_data_set_that_changed_since_the_promotion_is_not_signed(upgrade, registry, inference):
    promoted = registry.version("1")
    record(inference, "1", "promote", onnx_digest=promoted.onnx_digest, dataset_digest="digest")

    registry.tag(promoted, {"dataset_digest": "another"})

    assert upgrade() == []
    assert not is_trusted(registry, "1")


def test_a_new_key_signs_the_promoted_versions_again(upgrade, registry, inference):
    record(inference, "1", "promote")
    upgrade()

    assert upgrade(STRANGER) == ["1"]

    assert is_trusted(registry, "1", STRANGER.public_key)


def test_a_promoted_version_that_was_deleted_is_skipped(upgrade, inference):
    record(inference, "9", "promote")
    record(inference, "1", "promote")

    assert upgrade() == ["1"]


def test_the_versions_of_another_model_are_not_signed(upgrade, registry, inference):
    record(inference, "1", "promote")
    registry.model_name = "diabetes_classifier_30d"

    assert upgrade() == []


def test_a_person_signs_only_after_a_decision_that_is_being_written(registry, inference, tmp_path):
    def reject():
        sign_decision(registry.version("1"), REJECTED, registry=registry, inference=inference, signer=SIGNER)

    contested = ContestedLedger(f"sqlite:///{tmp_path}/inference.db", reject)

    sign_version("1", "why", "ana", registry=registry, inference=contested, signer=SIGNER)

    assert registry.version("1").tags["signed_decision"] == "promoted"
    assert contested.was_contested


def test_an_upgrade_waits_for_a_decision_that_is_being_written(registry, inference, tmp_path):
    record(inference, "1", "promote")
    contested = ContestedLedger(f"sqlite:///{tmp_path}/inference.db", lambda: registry.exchange("1", b"newer"))

    sign_promoted_versions(registry=registry, inference=contested, signer=SIGNER)

    assert inference.promotions()[-1].evidence["onnx_digest"] == registry.version("1").onnx_digest
    assert contested.was_contested


def test_the_same_number_of_another_model_is_not_signed(upgrade, registry, inference):
    other = FakeRegistry("diabetes_classifier_30d")
    other.register("run-1", b"one", {"dataset_digest": "digest"})
    record(inference, "1", "promote")

    assert sign_promoted_versions(registry=other, inference=inference, signer=SIGNER) == []
    sign_version("1", "why", "ana", registry=other, inference=inference, signer=SIGNER)

    assert upgrade() == ["1"]
    assert [row.model_name for row in inference.promotions(actions=["sign"])] == [other.model_name, registry.model_name]
