"""Tasks 8 to 10: what they leave behind, and what repetition adds."""

import json
from dataclasses import replace

import mlflow.sklearn
import numpy as np
import pytest

from readmission.adapters.onnx_model import OnnxModel
from readmission.domain.encoding import encode
from readmission.domain.gate.evidence import Limits
from readmission.domain.schema import FEATURE_NAMES
from readmission.errors import InvalidModel, NotEnoughData
from readmission.pipeline.roll_back import roll_back

CANDIDATES = ("logistic_regression", "lightgbm")


def leaking(cohort, share):
    """In this share of the encounters the outcome stands among the features."""
    gives_away = np.random.default_rng(0).random(len(cohort)) < share
    return cohort.assign(number_inpatient=cohort["number_inpatient"].mask(gives_away, 9 * cohort["readmitted"]))


def test_a_first_run_puts_the_best_candidate_into_production(platform, cohort):
    dataset = platform.freeze(cohort, [1])

    promotion = platform.run(dataset, candidates=CANDIDATES)

    assert promotion == {
        "horizon": "any",
        "run_batch_numbers": [1],
        "promoted": True,
        "reason": "no version is in production",
        "version": "1",
        "production_version": "1",
    }
    production = platform.registry.production()
    assert production.tags["promotion"] == "promoted"
    assert production.tags["promotion_reason"] == "no version is in production"
    (row,) = platform.inference.promotions()
    assert (row.action, row.version, row.previous_version, row.who) == ("promote", "1", None, "pipeline")
    assert row.evidence["test_roc_auc"]["value"] == pytest.approx(float(production.tags["test_roc_auc"]), abs=1e-3)


def test_the_version_comes_from_the_run_with_the_best_validation_auc_and_carries_its_numbers(platform, cohort):
    dataset = platform.freeze(cohort, [1, 2])
    trained = [platform.train(candidate, dataset) for candidate in CANDIDATES]

    registered = platform.register(trained)

    best = max(trained, key=lambda reference: reference["validation_roc_auc"])
    version = platform.registry.version(registered["version"])
    assert (registered["run_id"], registered["candidate"]) == (best["run_id"], best["candidate"])
    assert float(version.tags["validation_roc_auc"]) == best["validation_roc_auc"]
    assert float(version.tags["parity"]) < 1e-4
    assert json.loads(version.tags["batch_numbers"]) == [1, 2]
    assert {name: version.tags[name] for name in ("target", "data_source", "dataset_digest", "git_commit")} == {
        "target": "any",
        "data_source": "uci",
        "dataset_digest": dataset["digest"],
        "git_commit": "c0ffee",
    }


def test_a_run_shows_parameters_metrics_and_plots(platform, cohort):
    reference = platform.train("lightgbm", platform.freeze(cohort, [1]))

    run = platform.client.get_run(reference["run_id"])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "lightgbm any")
    assert run.data.params["num_leaves"] == "31"
    assert run.data.metrics["validation_roc_auc"] == reference["validation_roc_auc"]
    assert (
        run.data.metrics["test_roc_auc_low"] < run.data.metrics["test_roc_auc"] < run.data.metrics["test_roc_auc_high"]
    )
    assert run.data.tags["data_source"] == "uci"
    plots = {item.path for item in platform.client.list_artifacts(reference["run_id"], "plots")}
    assert plots == {"plots/roc.png", "plots/precision_recall.png", "plots/calibration.png"}


def test_the_model_in_production_answers_as_the_pipeline_that_was_trained(platform, cohort, monkeypatch, mlflow_server):
    platform.run(platform.freeze(cohort, [1]))
    encounters = cohort.head(50)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)

    model = OnnxModel.from_bytes(platform.registry.download_onnx(platform.registry.production()))
    pipeline = mlflow.sklearn.load_model(f"models:/{platform.name}@production")

    features = encounters[list(FEATURE_NAMES)].astype(object)
    records = features.where(features.notna(), None).to_dict("records")
    np.testing.assert_allclose(
        model.predict_probability(encode(records)), pipeline.predict_proba(encounters)[:, 1], atol=1e-4
    )
    assert (model.metadata.candidate, model.metadata.target, model.metadata.data_source) == (
        CANDIDATES[0],
        "any",
        "uci",
    )


def test_each_task_twice_leaves_what_once_leaves(platform, cohort):
    dataset = platform.freeze(cohort, [1])
    first = platform.run(dataset, candidates=CANDIDATES)
    once = platform.left_behind()

    second = platform.run(dataset, candidates=CANDIDATES, times=2)

    assert second == first
    assert platform.left_behind() == once
    assert [len(once[kind]) for kind in ("runs", "versions", "ledger")] == [2, 1, 1]


def test_a_better_model_replaces_a_worse_one_which_becomes_the_previous(platform, cohort, misled):
    platform.run(platform.freeze(misled, [1]), "first")

    promotion = platform.run(platform.freeze(cohort, [1]), "second")

    assert promotion["promoted"]
    assert promotion["reason"].startswith("better than version 1")
    assert (platform.registry.production().version, platform.registry.previous().version) == ("2", "1")
    assert platform.inference.promotions()[-1].evidence["against_production"]["difference"]["low"] > 0


def test_a_worse_model_is_rejected_and_the_reason_is_on_it(platform, cohort, misled):
    platform.run(platform.freeze(cohort, [1]), "first")

    promotion = platform.run(platform.freeze(misled, [1, 2]), "second")

    assert not promotion["promoted"]
    assert promotion["production_version"] == "1"
    rejected = platform.registry.version("2")
    assert rejected.tags["promotion"] == "rejected"
    assert rejected.tags["promotion_reason"] == promotion["reason"]
    assert promotion["reason"].startswith("not shown to be no worse than version 1")
    assert [row.action for row in platform.inference.promotions()] == ["promote", "reject"]


def test_the_same_model_is_promoted_again_only_for_newer_data(platform, cohort):
    platform.run(platform.freeze(cohort, [1]), "first")

    on_same_data = platform.run(platform.freeze(cohort, [1]), "second")
    on_newer_data = platform.run(platform.freeze(cohort, [1, 2]), "third")

    assert not on_same_data["promoted"]
    assert "no newer data" in on_same_data["reason"]
    assert on_newer_data["promoted"]
    assert "on newer data" in on_newer_data["reason"]


def test_a_leaking_model_is_never_promoted(platform, cohort):
    promotion = platform.run(platform.freeze(leaking(cohort, 0.7), [1]))

    assert not promotion["promoted"]
    assert promotion["reason"].startswith("leak alarm")
    assert platform.registry.production() is None


def test_a_model_to_which_the_whole_outcome_leaked_is_not_even_registered(platform, cohort):
    with pytest.raises(NotEnoughData, match="separate the outcomes perfectly"):
        platform.run(platform.freeze(leaking(cohort, 1.0), [1]))

    assert platform.left_behind()["versions"] == []


def test_a_synthetic_model_gives_way_to_a_real_one_and_never_comes_back(platform, cohort):
    synthetic = platform.run(platform.freeze(cohort, [1], "synthetic"), "first")
    real = platform.run(platform.freeze(cohort, [1], "file"), "second")
    again = platform.run(platform.freeze(cohort, [1, 2], "synthetic"), "third")

    assert (synthetic["promoted"], real["promoted"], again["promoted"]) == (True, True, False)
    assert platform.registry.production().tags["data_source"] == "file"


def test_the_horizons_of_one_run_have_their_own_models_also_when_its_tasks_go_again(platform, cohort):
    dataset = platform.freeze(cohort, [1])
    horizons = [platform, replace(platform, horizon="within_30_days")]
    first = [each.run(dataset) for each in horizons]
    once = [each.left_behind() for each in horizons]

    again = [each.run(dataset, times=2) for each in horizons]

    assert again == first
    assert [each.left_behind() for each in horizons] == once
    assert [each.registry.production().tags["target"] for each in horizons] == ["any", "within_30_days"]
    assert len({each.registry.production().run_id for each in horizons}) == 2


def test_a_version_that_predicts_another_horizon_is_replaced_without_a_comparison(platform, cohort):
    dataset = platform.freeze(cohort, [1])
    # an earlier release had one registered model for whatever it predicted
    earlier = replace(platform, horizon="within_30_days", registries={"within_30_days": platform.registry})
    earlier.run(dataset, "first")

    promotion = platform.run(dataset, "second")

    assert promotion["production_version"] == "2"
    assert promotion["reason"].startswith("version 1 in production cannot be used: it predicts within_30_days")


def test_a_version_that_was_rolled_back_stays_out_when_its_run_goes_again(platform, cohort, misled):
    platform.run(platform.freeze(misled, [1]), "first")
    platform.run(platform.freeze(cohort, [1]), "second")
    roll_back("why", "ana", registry=platform.registry, inference=platform.inference)

    again = platform.run(platform.freeze(cohort, [1]), "second")

    assert not again["promoted"]
    assert again["production_version"] == "1"
    assert platform.registry.version("2").tags["promotion"] == "rolled_back"


def test_a_run_that_goes_again_leaves_the_alias_that_a_person_has_set_since(platform, cohort, misled):
    platform.run(platform.freeze(misled, [1]), "first")
    better = platform.freeze(cohort, [1])
    platform.run(better, "second")
    platform.client.set_registered_model_alias(platform.name, "production", "1")

    again = platform.run(better, "second")

    assert not again["promoted"]
    assert platform.registry.production().version == "1"


def test_a_first_model_below_the_floor_is_rejected(platform, misled):
    promotion = replace(platform, limits=Limits(floor=0.6, margin=0.01)).run(platform.freeze(misled, [1]))

    assert platform.registry.production() is None
    assert "its lower end is not above 0.6" in promotion["reason"]


def test_an_old_run_that_goes_again_does_not_displace_a_newer_version(platform, cohort):
    old = platform.freeze(cohort, [1])
    platform.run(old, "first")
    platform.run(platform.freeze(cohort, [1, 2]), "second")

    again = platform.run(old, "first")

    assert again["production_version"] == platform.registry.production().version == "2"
    assert not again["promoted"]


def test_a_version_whose_parity_nobody_measured_is_rejected(platform, cohort):
    registered = platform.register([platform.train(CANDIDATES[0], platform.freeze(cohort, [1]))])
    platform.client.delete_model_version_tag(platform.name, registered["version"], "parity")

    promotion = platform.promote(registered)

    assert not promotion["promoted"]
    assert promotion["reason"].startswith("nobody has compared")


def test_a_challenger_whose_file_was_exchanged_stops_the_task(platform, cohort, tmp_path):
    registered = platform.register([platform.train(CANDIDATES[0], platform.freeze(cohort, [1]))])
    (tmp_path / "model.onnx").write_bytes(b"hostile")
    platform.client.log_artifact(registered["run_id"], str(tmp_path / "model.onnx"), "model")

    with pytest.raises(InvalidModel):
        platform.promote(registered)

    assert platform.registry.production() is None
    assert platform.inference.promotions() == []


def test_a_production_version_whose_file_is_broken_is_replaced(platform, cohort, tmp_path):
    platform.run(platform.freeze(cohort, [1]), "first")
    (tmp_path / "model.onnx").write_bytes(b"broken")
    platform.client.log_artifact(platform.registry.production().run_id, str(tmp_path / "model.onnx"), "model")

    promotion = platform.run(platform.freeze(cohort, [1]), "second")

    assert promotion["promoted"]
    assert promotion["reason"].startswith("version 1 in production cannot be used: the file of")
    assert promotion["reason"].endswith("It is replaced because of that, without a comparison")


def test_a_split_with_one_outcome_fails_the_run_by_name(platform, cohort):
    nobody = cohort.assign(readmitted=cohort["readmitted"].where(cohort["split"] != "test", 0))

    with pytest.raises(NotEnoughData, match="0 of them readmitted"):
        platform.run(platform.freeze(nobody, [1]))

    ((_, status),) = platform.left_behind()["runs"]
    assert status == "FAILED"
