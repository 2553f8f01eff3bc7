from datetime import UTC, datetime

import pandas as pd
import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER
from doubles.registry import FakeRegistry
from readmission.adapters.object_store import DATASETS
from readmission.adapters.registry import PROMOTION, ROLLED_BACK
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.cleaning import clean as clean_rows
from readmission.domain.cleaning import validate_raw
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.errors import InvalidModel, SourceUnavailable, UntrustedModel
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.pipeline.promote_to_production import promote_to_production
from readmission.pipeline.references import DatasetRef, RegisteredRef
from readmission.synthetic.cohort import cohort_columns

DATASET = DatasetRef(digest="digest", batch_numbers=[1], source="synthetic", rows={})


def register(registry, data, **tags):
    number = len(registry.files) + 1
    tags = {"parity": "1e-7", "batch_numbers": "[1]"} | tags
    version = registry.register(f"run-{number}", data, tags)
    return RegisteredRef(
        version=version.version, run_id=version.run_id, candidate="any", onnx_digest=version.onnx_digest
    )


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture(scope="module")
def frame():
    received = {NAME_OF_RAW.get(name, name): values for name, values in cohort_columns(2000, seed=5)}
    return clean_rows(validate_raw(pd.DataFrame(received))).frame


@pytest.fixture(scope="module")
def model_file(frame):
    pipeline = fit("logistic_regression", frame.iloc[:1200], "any", seed=0)

    def build(target="any", data_source="synthetic"):
        metadata = ModelFileMetadata(
            target, 0.5, 0.4, 0.6, data_source, "logistic_regression", True, "digest", datetime.now(UTC)
        )
        return export(pipeline, metadata)

    return build


@pytest.fixture
def promote(store, frame, inference):
    store.put_frame(DATASETS, "digest/test.parquet", frame.iloc[1200:].reset_index(drop=True))

    def run(registered, registry, pipeline_run_id="manual-1"):
        return promote_to_production(
            registered,
            DATASET,
            pipeline_run_id,
            store=store,
            registry=registry,
            inference=inference,
            signer=SIGNER,
            target="any",
            seed=0,
            bootstrap_rounds=10,
        )

    return run


def test_the_first_version_goes_into_production_and_the_ledger_says_why(registry, promote, model_file, inference):
    ref = promote(register(registry, model_file()), registry)

    (record,) = inference.promotions()
    assert ref == {
        "promoted": True,
        "reason": "no version is in production",
        "version": "1",
        "production_version": "1",
    }
    assert (record.action, record.version, record.who) == ("promote", "1", "pipeline")
    assert registry.version("1").tags[PROMOTION] == "promoted"


def test_a_promotion_that_was_broken_off_is_completed_and_not_decided_anew(registry, promote, model_file, inference):
    registered = register(registry, model_file())
    registry.failing = {"promote"}
    with pytest.raises(SourceUnavailable):
        promote(registered, registry)

    registry.failing = set()
    ref = promote(registered, registry)

    assert ref["promoted"]
    assert registry.production().version == "1"
    assert len(inference.promotions()) == 1


def test_an_equal_model_on_no_newer_data_is_rejected(registry, promote, model_file, inference):
    promote(register(registry, model_file()), registry)

    ref = promote(register(registry, model_file()), registry, "manual-2")

    assert not ref["promoted"]
    assert registry.production().version == "1"
    assert [record.action for record in inference.promotions()] == ["promote", "reject"]
    assert registry.version("2").tags[PROMOTION] == "rejected"


def test_an_equal_model_on_newer_data_is_promoted(registry, promote, model_file):
    promote(register(registry, model_file()), registry)

    ref = promote(register(registry, model_file(), batch_numbers="[1, 2]"), registry, "manual-2")

    assert ref["promoted"]
    assert "no worse than version 1, on newer data" in ref["reason"]


def test_what_is_in_production_already_writes_nothing(registry, promote, model_file, inference):
    registered = register(registry, model_file())
    promote(registered, registry)

    ref = promote(registered, registry, "manual-2")

    assert not ref["promoted"]
    assert ref["production_version"] == "1"
    assert len(inference.promotions()) == 1


def test_a_version_that_a_person_took_out_does_not_come_back(registry, promote, model_file):
    promote(register(registry, model_file()), registry)
    withdrawn = register(registry, model_file(), batch_numbers="[1, 2]", **{PROMOTION: ROLLED_BACK})

    ref = promote(withdrawn, registry, "manual-2")

    assert not ref["promoted"]
    assert registry.production().version == "1"


def test_a_version_whose_own_file_is_broken_stops_the_task(registry, promote, inference):
    with pytest.raises(InvalidModel):
        promote(register(registry, b"no model"), registry)

    assert registry.production() is None
    assert inference.promotions() == []


def test_a_version_for_another_target_stops_the_task(registry, promote, model_file):
    with pytest.raises(InvalidModel, match="within_30_days"):
        promote(register(registry, model_file(target="within_30_days")), registry)


def test_a_promoted_version_is_signed_before_it_gets_the_alias(registry, promote, model_file, inference):
    registry.failing = {"promote"}
    with pytest.raises(SourceUnavailable):
        promote(register(registry, model_file()), registry)

    TrustedKeys(PUBLIC_KEY).check(registry.version("1"))
    assert registry.production() is None
    assert inference.promotions()[0].evidence["onnx_digest"] == registry.version("1").onnx_digest


def test_a_rejected_version_is_signed_as_rejected(registry, promote, model_file):
    promote(register(registry, model_file()), registry)

    promote(register(registry, model_file()), registry, "manual-2")

    with pytest.raises(UntrustedModel, match="signed as rejected"):
        TrustedKeys(PUBLIC_KEY).check(registry.version("2"))


def test_a_cleared_run_signs_the_same(registry, promote, model_file):
    registered = register(registry, model_file())
    promote(registered, registry)
    before = registry.version("1").tags

    promote(registered, registry)

    assert registry.version("1").tags == before
