from dataclasses import replace
from datetime import UTC, datetime

import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER, STRANGER
from readmission.adapters.registry import ModelVersion
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.statement import PROMOTED, REJECTED
from readmission.errors import MissingSetting, UntrustedModel

VERSION = ModelVersion(
    "diabetes_classifier", "3", "run", "a" * 64, datetime(2026, 1, 1, tzinfo=UTC), {"dataset_digest": "b" * 64}
)


def tagged(version, tags):
    return replace(version, tags=version.tags | tags)


@pytest.fixture
def promoted():
    return tagged(VERSION, SIGNER.sign(VERSION, PROMOTED))


def test_a_version_that_is_signed_as_promoted_is_trusted(promoted):
    TrustedKeys(PUBLIC_KEY).check(promoted)


def test_the_same_decision_gives_the_same_tags():
    assert SIGNER.sign(VERSION, PROMOTED) == SIGNER.sign(VERSION, PROMOTED)


def test_tags_that_are_not_signed_may_change(promoted):
    TrustedKeys(PUBLIC_KEY).check(tagged(promoted, {"promotion": "rolled_back"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "diabetes_classifier_30d"},
        {"version": "4"},
        {"onnx_digest": "c" * 64},
        {"tags": {"dataset_digest": "c" * 64}},
        {"tags": {"dataset_digest": "\ud800"}},
        {"tags": {"signed_decision": "rejected"}},
        {"tags": {"signature": ""}},
        {"tags": {"signature": "ñ"}},
        {"tags": {"signature": "AAAA"}},
    ],
    ids=str,
)
def test_a_field_that_was_changed_is_refused(promoted, changed):
    tags = promoted.tags | changed.get("tags", {})

    with pytest.raises(UntrustedModel, match="is wrong: it was made for another"):
        TrustedKeys(PUBLIC_KEY).check(replace(promoted, **changed | {"tags": tags}))


@pytest.mark.parametrize("missing", ["signature", "signed_decision"])
def test_a_version_without_one_of_its_tags_is_not_signed(promoted, missing):
    tags = {name: value for name, value in promoted.tags.items() if name != missing}

    with pytest.raises(UntrustedModel, match="version 3 is not signed"):
        TrustedKeys(PUBLIC_KEY).check(replace(promoted, tags=tags))


def test_a_rejected_version_is_refused():
    with pytest.raises(UntrustedModel, match="signed as rejected"):
        TrustedKeys(PUBLIC_KEY).check(tagged(VERSION, SIGNER.sign(VERSION, REJECTED)))


def test_a_signature_by_another_key_is_refused():
    with pytest.raises(UntrustedModel, match="a key that GATE_PUBLIC_KEY does not hold"):
        TrustedKeys(PUBLIC_KEY).check(tagged(VERSION, STRANGER.sign(VERSION, PROMOTED)))


@pytest.mark.parametrize("keys", [f"{STRANGER.public_key},{PUBLIC_KEY}", f"{PUBLIC_KEY} , {STRANGER.public_key}"])
def test_each_of_several_keys_is_trusted(promoted, keys):
    TrustedKeys(keys).check(promoted)


def test_without_keys_nothing_is_trusted_and_the_setting_is_named(promoted):
    with pytest.raises(MissingSetting, match="GATE_PUBLIC_KEY"):
        TrustedKeys(None).check(promoted)
