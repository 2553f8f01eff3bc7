import gc
from datetime import UTC, datetime

import pandas as pd
import pytest

from doubles.gate_keys import PUBLIC_KEY, SIGNER
from doubles.ledger import ContestedLedger
from doubles.registry import FakeRegistry
from readmission.adapters.database import PromotionRecord
from readmission.adapters.object_store import DATASETS
from readmission.adapters.onnx_model import OnnxModel
from readmission.adapters.registry import PROMOTION, ROLLED_BACK
from readmission.adapters.signatures import TrustedKeys
from readmission.domain.cleaning import clean as clean_rows
from readmission.domain.cleaning import validate_raw
from readmission.domain.gate.evidence import Limits
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.domain.statement import PROMOTED
from readmission.errors import Conflict, InvalidModel, SourceUnavailable, UntrustedModel
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.pipeline.promote_to_production import promote_to_production
from readmission.pipeline.references import DatasetRef, RegisteredRef
from readmission.pipeline.roll_back import roll_back
from readmission.pipeline.signing import sign_version
from readmission.synthetic.cohort import cohort_columns

DATASET = DatasetRef(digest="digest", batch_numbers=[1], run_batch_numbers=[1], source="synthetic", rows={})


def register(registry, data, **tags):
    number = len(registry.files) + 1
    tags = {"parity": "1e-7", "batch_numbers": "[1]"} | tags
    version = registry.register(f"run-{number}", data, tags)
    return RegisteredRef(
        horizon="any",
        dataset=DATASET,
        version=version.version,
        run_id=version.run_id,
        candidate="lightgbm",
        onnx_digest=version.onnx_digest,
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
    training = frame.iloc[:1200]
    pipeline = fit("logistic_regression", training, "any", seed=0)
    # what it learned is worse than chance
    misled = fit("logistic_regression", training.assign(readmitted=1 - training["readmitted"]), "any", seed=0)

    def build(target="any", data_source="synthetic", good=True):
        metadata = ModelFileMetadata(
            target, 0.5, 0.4, 0.6, data_source, "logistic_regression", True, "digest", datetime.now(UTC)
        )
        return export(pipeline if good else misled, metadata)

    return build


@pytest.fixture
def promote(store, frame, inference):
    store.put_frame(DATASETS, "digest/test.parquet", frame.iloc[1200:].reset_index(drop=True))

    def run(registered, registry, pipeline_run_id="manual-1", ledger=inference, floor=0.2):
        return promote_to_production(
            "any",
            [registered],
            pipeline_run_id,
            store=store,
            registries={"any": registry},
            inference=ledger,
            signer=SIGNER,
            seed=0,
            bootstrap_rounds=10,
            # the few test rows give wide intervals
            limits={"any": Limits(floor=floor, margin=0.05)},
        )

    return run


@pytest.fixture
def served(registry, inference):
    """Put these model files into production, one after the other, as the ledger then shows."""

    def serve(*files):
        for data in files:
            version = registry.version(register(registry, data)["version"])
            inference.record_promotion(
                PromotionRecord(
                    "promote", version.name, version.version, None, "ana", datetime.now(UTC), "why", {}, version.run_id
                )
            )
            registry.tag(version, SIGNER.sign(version, PROMOTED))
            registry.promote(version)

    return serve


def test_the_first_version_goes_into_production_and_the_ledger_says_why(registry, promote, model_file, inference):
    ref = promote(register(registry, model_file()), registry)

    (record,) = inference.promotions()
    assert ref == {
        "horizon": "any",
        "run_batch_numbers": [1],
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


def test_a_version_of_another_horizon_stops_the_task(registry, promote, model_file):
    with pytest.raises(InvalidModel, match="within_30_days"):
        promote(register(registry, model_file(target="within_30_days")), registry)


def test_a_horizon_of_which_nothing_was_registered_stops_the_task(registry, promote, model_file):
    other = register(registry, model_file()) | {"horizon": "within_30_days"}

    with pytest.raises(InvalidModel, match="no version was registered for any"):
        promote(other, registry)


def test_a_version_in_production_that_predicts_another_horizon_is_replaced(registry, promote, model_file, inference):
    registry.publish(model_file(target="within_30_days"), batch_numbers="[1]", target="within_30_days")

    ref = promote(register(registry, model_file(good=False)), registry)

    [record] = inference.promotions()
    assert ref["production_version"] == "2"
    assert "version 1 in production cannot be used: it predicts within_30_days" in ref["reason"]
    assert record.evidence["against_production"] is None
    assert {check["id"]: check["outcome"] for check in record.evidence["checks"]}["calibration"] == "not applicable"


def test_a_task_reads_the_test_split_once(registry, promote, model_file, store, monkeypatch):
    read, get_frame = [], store.get_frame
    monkeypatch.setattr(store, "get_frame", lambda bucket, key: read.append(key) or get_frame(bucket, key))

    promote(register(registry, model_file()), registry)

    assert read == ["digest/test.parquet"]


def test_a_first_version_below_the_floor_is_rejected(registry, promote, model_file, inference):
    ref = promote(register(registry, model_file(good=False)), registry, floor=0.5)

    (record,) = inference.promotions()
    assert not ref["promoted"]
    assert registry.production() is None
    assert [check["id"] for check in record.evidence["checks"] if check["outcome"] == "failed"] == [
        "discrimination_floor"
    ]


def test_a_version_worse_than_the_best_that_ever_served_is_rejected(registry, promote, model_file, served):
    served(model_file(), model_file(good=False))

    ref = promote(register(registry, model_file(good=False), batch_numbers="[1, 2]"), registry)

    assert ref["production_version"] == "2"
    assert "version 1 which is the best one that ever served" in ref["reason"]


def test_a_version_that_a_person_took_out_sets_no_standard(registry, promote, model_file, served, inference):
    served(model_file(good=False), model_file())
    roll_back("why", "ana", registry=registry, inference=inference)

    ref = promote(register(registry, model_file(good=False), batch_numbers="[1, 2]"), registry)

    assert ref["promoted"]


@pytest.mark.parametrize("other", [{"target": "within_30_days"}, {"data_source": "uci"}, None], ids=str)
def test_versions_that_cannot_be_compared_set_no_standard(registry, promote, model_file, served, other):
    served(b"broken" if other is None else model_file(**other), model_file(good=False))

    ref = promote(register(registry, model_file(good=False), batch_numbers="[1, 2]"), registry)

    assert ref["promoted"]


def test_a_damaged_version_is_replaced_and_the_ledger_says_what_was_damaged(registry, promote, model_file, inference):
    promote(register(registry, model_file()), registry)
    registry.files["run-1"] = b"damaged"

    promote(register(registry, model_file()), registry, "manual-2")

    record = inference.promotions()[-1]
    assert registry.production().version == "2"
    assert record.reason == (
        "version 1 in production cannot be used: the file of version 1 has another digest than its tag. "
        "It is replaced because of that, without a comparison"
    )


def test_a_promotion_that_was_killed_after_its_alias_is_completed(registry, promote, model_file, inference):
    registered = register(registry, model_file())
    registry.failing = {"tag"}
    with pytest.raises(SourceUnavailable):
        promote(registered, registry)
    registry.failing = set()

    ref = promote(registered, registry)

    assert ref["promoted"]
    assert registry.version("1").tags[PROMOTION] == "promoted"
    assert len(inference.promotions()) == 1


@pytest.mark.parametrize("alias", [{"production": "1"}, {}, {"production": "3"}], ids=["previous", "none", "other"])
def test_a_cleared_run_leaves_the_alias_that_a_person_has_set_since(registry, promote, model_file, alias):
    promote(register(registry, model_file()), registry)
    newer = register(registry, model_file(), batch_numbers="[1, 2]")
    promote(newer, registry, "manual-2")
    register(registry, model_file())
    registry.aliases = alias

    ref = promote(newer, registry, "manual-2")

    assert registry.aliases == alias
    assert not ref["promoted"]


def test_a_cleared_run_leaves_what_was_rolled_back_since(registry, promote, model_file, inference):
    promote(register(registry, model_file()), registry)
    newer = register(registry, model_file(), batch_numbers="[1, 2]")
    promote(newer, registry, "manual-2")
    roll_back("why", "ana", registry=registry, inference=inference)

    ref = promote(newer, registry, "manual-2")

    assert (ref["promoted"], ref["production_version"]) == (False, "1")
    assert registry.version("2").tags[PROMOTION] == ROLLED_BACK


def test_a_killed_promotion_gives_way_to_what_a_person_has_set_since(registry, promote, model_file):
    promote(register(registry, model_file()), registry)
    newer = register(registry, model_file(), batch_numbers="[1, 2]")
    register(registry, model_file())
    registry.failing = {"promote"}
    with pytest.raises(SourceUnavailable):
        promote(newer, registry, "manual-2")
    registry.failing = set()
    registry.aliases = {"production": "3"}

    promote(newer, registry, "manual-2")
    registry.aliases = {"production": "1"}
    promote(newer, registry, "manual-2")

    assert registry.production().version == "1"
    assert registry.version("2").tags[PROMOTION] == "superseded"


def test_a_promotion_in_between_stops_the_other_one_and_its_retry_decides_anew(
    registry, promote, model_file, inference, tmp_path
):
    promote(register(registry, model_file()), registry)
    ours, other = register(registry, model_file(), batch_numbers="[1, 2]"), register(registry, model_file())
    database = f"sqlite:///{tmp_path}/inference.db"
    contested = ContestedLedger(database, lambda: registry.promote(registry.version(other["version"])))

    with pytest.raises(Conflict, match="version 1 was in production when the gate compared, now version 3"):
        promote(ours, registry, "manual-2", contested)
    assert [record.version for record in inference.promotions()] == ["1"]
    promote(ours, registry, "manual-2")

    assert inference.promotions()[-1].previous_version == "3"
    assert (registry.aliases["production"], registry.aliases["previous"]) == ("2", "3")


def test_no_promotion_goes_over_a_rollback_that_is_not_finished(registry, promote, model_file, served, inference):
    served(model_file(), model_file())
    registry.failing = {"rollback"}
    with pytest.raises(SourceUnavailable):
        roll_back("why", "ana", registry=registry, inference=inference)
    registry.failing = set()
    newer = register(registry, model_file(), batch_numbers="[1, 2]")

    with pytest.raises(Conflict, match="the rollback of version 2 is not finished"):
        promote(newer, registry, "manual-2")
    roll_back("why", "ana", registry=registry, inference=inference)
    promote(newer, registry, "manual-2")

    assert [(record.action, record.version) for record in inference.promotions()][-2:] == [
        ("rollback", "2"),
        ("promote", "3"),
    ]


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


def test_a_file_that_was_exchanged_after_the_measurement_is_not_signed(
    registry, promote, model_file, inference, tmp_path
):
    registered = register(registry, model_file())
    contested = ContestedLedger(f"sqlite:///{tmp_path}/inference.db", lambda: registry.exchange("1", b"hostile"))

    with pytest.raises(InvalidModel, match="version 1 has other digests now than when the gate examined it"):
        promote(registered, registry, ledger=contested)

    assert "signature" not in registry.version("1").tags
    assert (registry.production(), inference.promotions()) == (None, [])


@pytest.mark.parametrize(
    "attack",
    [
        lambda registry: registry.exchange("1", b"hostile"),
        lambda registry: registry.tag(registry.version("1"), {"dataset_digest": "another"}),
    ],
    ids=["model file", "data set"],
)
def test_a_killed_promotion_is_not_completed_with_other_digests(registry, promote, model_file, attack):
    registered = register(registry, model_file(), dataset_digest="digest")
    registry.failing = {"tag"}
    with pytest.raises(SourceUnavailable):
        promote(registered, registry)
    registry.failing = set()
    attack(registry)

    with pytest.raises(InvalidModel, match="other digests"):
        promote(registered, registry)

    assert "signature" not in registry.version("1").tags
    assert registry.production() is None


def test_an_unsigned_version_in_production_sets_no_standard(registry, promote, model_file):
    unsigned = register(registry, model_file(), batch_numbers="[1, 2]")
    registry.promote(registry.version(unsigned["version"]))

    ref = promote(register(registry, model_file(good=False)), registry)

    assert ref["production_version"] == "2"
    assert "version 1 in production cannot be used: it is not signed as promoted" in ref["reason"]


def test_a_version_that_got_the_alias_before_the_gate_saw_it_is_examined_and_signed(
    registry, promote, model_file, inference
):
    registered = register(registry, model_file())
    registry.promote(registry.version("1"))

    ref = promote(registered, registry)

    TrustedKeys(PUBLIC_KEY).check(registry.version("1"))
    assert ref["promoted"]
    assert [record.action for record in inference.promotions()] == ["promote"]


def test_a_version_that_got_the_alias_before_the_gate_rejects_it_stays_refused(registry, promote, model_file):
    registered = register(registry, model_file(good=False))
    registry.promote(registry.version("1"))

    ref = promote(registered, registry, floor=0.5)

    with pytest.raises(UntrustedModel, match="signed as rejected"):
        TrustedKeys(PUBLIC_KEY).check(registry.version("1"))
    assert not ref["promoted"]


def test_a_version_that_served_and_whose_file_was_exchanged_sets_no_standard(registry, promote, model_file, served):
    served(model_file(good=False), model_file(good=False))
    registry.exchange("1", model_file())

    ref = promote(register(registry, model_file(good=False), batch_numbers="[1, 2]"), registry)

    assert ref["promoted"]


def test_a_version_that_a_person_signed_sets_the_standard_too(registry, promote, model_file, served, inference):
    sign_version(
        register(registry, model_file())["version"], "why", "ana", registry=registry, inference=inference, signer=SIGNER
    )
    served(model_file(good=False))

    ref = promote(register(registry, model_file(good=False), batch_numbers="[1, 2]"), registry)

    assert "version 1 which is the best one" in ref["reason"]


def test_the_models_that_ever_served_are_not_in_memory_together(registry, promote, model_file, served, monkeypatch):
    served(*[model_file()] * 4)
    loaded = []
    download = registry.download_onnx

    def count_and_download(version):
        loaded.append(sum(isinstance(found, OnnxModel) for found in gc.get_objects()))
        return download(version)

    monkeypatch.setattr(registry, "download_onnx", count_and_download)

    promote(register(registry, model_file(), batch_numbers="[1, 2]"), registry)

    assert loaded == [loaded[0]] * 5
