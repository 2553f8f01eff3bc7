import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER, STRANGER
from doubles.ledger import ContestedLedger
from doubles.registry import FakeRegistry
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.statement import PROMOTED, REJECTED
from readmission.errors import Conflict, NotFound, SourceUnavailable
from readmission.pipeline.roll_back import roll_back, unfinished_rollback
from readmission.pipeline.signing import sign_version


@pytest.fixture
def registry():
    """With version 2 in production after version 1."""
    found = FakeRegistry()
    found.publish(b"one")
    found.publish(b"two")
    return found


def test_the_previous_version_comes_back_and_the_ledger_says_who_and_why(registry, inference):
    restored = roll_back("too many alarms on ward 3", "ana", registry=registry, inference=inference)

    (record,) = inference.promotions()
    assert restored.version == "1"
    assert (record.action, record.version, record.previous_version) == ("rollback", "2", "1")
    assert (record.who, record.reason) == ("ana", "too many alarms on ward 3")


@pytest.mark.parametrize(
    "aliases",
    [{}, {"production": "2"}, {"previous": "1"}, {"production": "2", "previous": "2"}],
    ids=["nothing", "no previous version", "nothing in production", "half a promotion"],
)
def test_without_a_previous_version_nothing_is_written(registry, inference, aliases):
    registry.aliases = aliases

    with pytest.raises(NotFound, match="no previous version"):
        roll_back("why", "ana", registry=registry, inference=inference)

    assert inference.promotions() == []


def test_a_rollback_that_was_broken_off_is_completed_without_a_second_row(registry, inference):
    registry.failing = {"rollback"}
    with pytest.raises(SourceUnavailable):
        roll_back("why", "ana", registry=registry, inference=inference)
    registry.failing = set()

    restored = roll_back("why", "ana", registry=registry, inference=inference)

    assert restored.version == "1"
    assert len(inference.promotions()) == 1


def test_a_rollback_that_was_killed_between_its_aliases_is_completed(registry, inference):
    roll_back("why", "ana", registry=registry, inference=inference)
    # the alias `previous` is removed last
    registry.aliases["previous"] = "1"

    restored = roll_back("why", "ana", registry=registry, inference=inference)

    assert restored.version == "1"
    assert registry.aliases == {"production": "1"}
    assert len(inference.promotions()) == 1


def test_a_rollback_that_is_done_is_not_done_again(registry, inference):
    roll_back("why", "ana", registry=registry, inference=inference)

    with pytest.raises(NotFound, match="no previous version"):
        roll_back("why", "ana", registry=registry, inference=inference)


def test_a_rollback_of_another_version_is_not_taken_for_the_killed_one(registry, inference):
    roll_back("why", "ana", registry=registry, inference=inference)
    registry.publish(b"three")

    restored = roll_back("why again", "ana", registry=registry, inference=inference)

    assert restored.version == "1"
    assert [record.version for record in inference.promotions()] == ["2", "3"]


def test_a_promotion_in_between_is_not_undone(registry, inference, tmp_path):
    contested = ContestedLedger(f"sqlite:///{tmp_path}/inference.db", lambda: registry.publish(b"three"))

    with pytest.raises(Conflict, match="version 2 was in production, now it is version 3"):
        roll_back("why", "ana", registry=registry, inference=contested)

    assert registry.aliases == {"production": "3", "previous": "2"}
    assert inference.promotions() == []


@pytest.mark.parametrize(
    "tags_of",
    [lambda _: {"signed_decision": ""}, lambda version: SIGNER.sign(version, REJECTED)],
    ids=["not signed", "rejected"],
)
def test_a_version_that_the_inference_api_refuses_does_not_come_back(registry, inference, tags_of):
    registry.tag(registry.previous(), tags_of(registry.previous()))

    with pytest.raises(Conflict, match="version 1 is not signed as promoted: readmission sign 1"):
        roll_back("why", "ana", registry=registry, inference=inference)

    assert registry.aliases == {"production": "2", "previous": "1"}
    assert inference.promotions() == []


def test_a_version_that_another_key_has_signed_comes_back_only_after_a_person_signs_it(registry, inference):
    registry.tag(registry.previous(), STRANGER.sign(registry.previous(), PROMOTED))
    given = {"registry": registry, "inference": inference, "trusted": TrustedKeys(PUBLIC_KEY)}
    with pytest.raises(Conflict, match="not signed as promoted"):
        roll_back("why", "ana", **given)

    sign_version("1", "why", "ana", registry=registry, inference=inference, signer=SIGNER)
    restored = roll_back("why", "ana", **given)

    assert restored.version == registry.production().version == "1"


def test_a_signature_does_not_hide_a_rollback_that_was_killed(registry, inference):
    registry.failing = {"rollback"}
    with pytest.raises(SourceUnavailable):
        roll_back("why", "ana", registry=registry, inference=inference)
    registry.failing = set()
    registry.tag(registry.production(), {"promotion": "rolled_back"})
    registry.aliases["production"] = "1"
    sign_version("1", "why", "ana", registry=registry, inference=inference, signer=SIGNER)

    restored = roll_back("why", "ana", registry=registry, inference=inference)

    assert restored.version == "1"
    assert registry.aliases == {"production": "1"}


def test_a_version_that_predicts_another_horizon_does_not_come_back(registry, inference):
    registry.tag(registry.previous(), {"target": "within_30_days"})
    registry.tag(registry.production(), {"target": "any"})

    with pytest.raises(Conflict, match="version 1 predicts within_30_days, version 2 in production any"):
        roll_back("why", "ana", registry=registry, inference=inference)

    assert registry.aliases == {"production": "2", "previous": "1"}
    assert inference.promotions() == []


def test_the_order_that_signs_a_version_names_its_horizon(registry, inference):
    registry.tag(registry.previous(), {"target": "any", "signed_decision": ""})

    with pytest.raises(Conflict, match="readmission sign 1 --horizon any --reason"):
        roll_back("why", "ana", registry=registry, inference=inference)


def test_two_models_are_rolled_back_in_one_ledger(registry, inference):
    other = FakeRegistry("diabetes_classifier_30d")
    for data in (b"one", b"two"):
        other.publish(data)

    for each in (registry, other):
        roll_back("why", "ana", registry=each, inference=inference)

    assert [registry.aliases, other.aliases] == [{"production": "1"}] * 2
    assert [record.model_name for record in inference.promotions()] == [registry.model_name, other.model_name]


def test_a_killed_rollback_of_one_model_is_not_taken_for_one_of_the_other(registry, inference):
    other = FakeRegistry("diabetes_classifier_30d")
    for data in (b"one", b"two"):
        other.publish(data)
    registry.failing = {"rollback"}
    with pytest.raises(SourceUnavailable):
        roll_back("why", "ana", registry=registry, inference=inference)

    assert unfinished_rollback(registry, inference) is not None
    assert unfinished_rollback(other, inference) is None
