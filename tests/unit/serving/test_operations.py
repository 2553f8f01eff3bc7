import hashlib

import pytest
from fastapi.testclient import TestClient

from readmission.domain.schema import FEATURE_NAMES
from readmission.serving.encounter import EXAMPLE

ADMIN = {"X-API-Key": "admin"}


def versions(client: TestClient) -> dict[str, str]:
    return {model["horizon"]: model["model_version"] for model in client.get("/ready").json()["horizons"]}


def test_the_root_names_the_service_and_where_to_go(client):
    answer = client.get("/").json()

    assert answer["name"] == "readmission"
    for link in answer["links"]:
        assert client.get(link).status_code in (200, 405)


def test_without_a_model_the_process_lives_but_is_not_ready(start, registry):
    registry.withdraw()
    client = start(ready=False)

    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503
    assert client.get("/model-info").status_code == 503


def test_the_model_is_described(client, model_file):
    answer = client.get("/model-info").json()

    assert answer.pop("loaded_at").endswith("Z")
    assert answer == {
        "name": "diabetes_classifier",
        "version": "1",
        "stale": False,
        "metrics": {"test_roc_auc": 0.69},
        "features": list(FEATURE_NAMES),
        "data_source": "synthetic",
        "digest": hashlib.sha256(model_file()).hexdigest(),
        "dataset_digest": "0" * 64,
        "horizon": "any",
        "threshold": 0.5,
        "risk_bands": {"medium": 0.4, "high": 0.6},
        "calibrated": True,
        "candidate": "logistic_regression",
        "trained_at": "2026-01-01T00:00:00Z",
    }


def test_each_horizons_model_is_described(client, model_file):
    answer = client.get("/model-info?horizon=within_30_days").json()

    assert (answer["name"], answer["horizon"]) == ("diabetes_classifier_30d", "within_30_days")
    assert answer["digest"] == hashlib.sha256(model_file(-1.0, horizon="within_30_days")).hexdigest()
    assert answer["metrics"] == {"test_roc_auc": 0.66}
    assert client.get("/model-info?horizon=any").json() == client.get("/model-info").json()


@pytest.mark.parametrize("query", ["horizon=ever", "horizon=", "horizon=any&horizon=any", "version=1", "horizon=any&x"])
@pytest.mark.parametrize(("method", "path"), [("get", "/model-info"), ("post", "/reload-model")])
def test_a_parameter_that_is_unknown_repeated_or_of_another_value_is_400(start, method, path, query):
    client = start(admin_api_key="admin")

    answer = client.request(method, f"{path}?{query}", headers=ADMIN)

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_horizon_that_the_server_does_not_predict_is_404(start):
    client = start(admin_api_key="admin", horizons="any")

    assert client.get("/model-info?horizon=within_30_days").status_code == 404
    assert client.post("/reload-model?horizon=within_30_days", headers=ADMIN).status_code == 404


def test_a_horizon_whose_model_is_not_loaded_is_503_and_the_server_is_ready_without_it(start, registry_30d):
    registry_30d.withdraw()
    client = start()

    assert client.get("/model-info?horizon=within_30_days").status_code == 503
    loaded = {"horizon": "any", "model_name": "diabetes_classifier", "model_version": "1"}
    assert client.get("/ready").json() == {"status": "ready", "model_version": "1", "horizons": [loaded]}


def test_a_secondary_model_alone_does_not_make_the_server_ready(start, registry):
    registry.withdraw()
    client = start(ready=False)

    assert client.get("/ready").status_code == 503
    assert client.get("/model-info?horizon=within_30_days").status_code == 200


def test_ready_names_the_loaded_horizons_the_primary_first(client):
    answer = client.get("/ready").json()

    assert [(model["horizon"], model["model_name"]) for model in answer["horizons"]] == [
        ("any", "diabetes_classifier"),
        ("within_30_days", "diabetes_classifier_30d"),
    ]


def test_a_reload_swaps_the_model(start, registry, model_file):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(model_file(1.0))

    answer = client.post("/reload-model", headers=ADMIN)

    swapped = {"model_name": "diabetes_classifier", "previous_version": "1", "model_version": "2"}
    kept = {"model_name": "diabetes_classifier_30d", "previous_version": "1", "model_version": "1"}
    models = [{"horizon": "any"} | swapped, {"horizon": "within_30_days"} | kept]
    assert answer.json() == swapped | {"models": models}
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "2"


def test_a_reload_of_one_horizon_leaves_the_other_alone(start, registry, registry_30d, model_file):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(model_file(1.0))
    registry_30d.publish(model_file(horizon="within_30_days"))

    answer = client.post("/reload-model?horizon=within_30_days", headers=ADMIN)

    swapped = {"model_name": "diabetes_classifier_30d", "previous_version": "1", "model_version": "2"}
    assert answer.json() == swapped | {"models": [{"horizon": "within_30_days"} | swapped]}
    assert versions(client) == {"any": "1", "within_30_days": "2"}


def test_a_reload_of_all_leaves_out_a_secondary_horizon_that_has_nothing_in_production(start, registry_30d):
    registry_30d.withdraw()
    client = start(admin_api_key="admin", model_poll_seconds=3600)

    answer = client.post("/reload-model", headers=ADMIN)

    assert [model["horizon"] for model in answer.json()["models"]] == ["any"]
    assert client.post("/reload-model?horizon=within_30_days", headers=ADMIN).status_code == 404


def test_a_failed_reload_of_one_horizon_is_told_when_all_were_tried(start, registry, registry_30d, model_file):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(b"no model")
    registry_30d.publish(model_file(horizon="within_30_days"))

    answer = client.post("/reload-model", headers=ADMIN)

    assert answer.status_code == 502
    assert "diabetes_classifier version 2" in answer.json()["detail"]
    assert versions(client) == {"any": "1", "within_30_days": "2"}


def test_a_reload_fails_when_a_secondary_version_cannot_be_loaded_and_the_primary_is_swapped(
    start, registry, registry_30d, model_file
):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(model_file(1.0))
    registry_30d.publish(model_file())

    answer = client.post("/reload-model", headers=ADMIN)

    assert answer.status_code == 502
    assert "diabetes_classifier_30d version 2 cannot be served: it predicts any" in answer.json()["detail"]
    assert versions(client) == {"any": "2", "within_30_days": "1"}


def test_a_failed_reload_says_so_and_the_old_model_serves_on(start, registry):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(b"no model")

    answer = client.post("/reload-model", headers=ADMIN)

    assert answer.status_code == 502
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "1"
    assert client.get("/model-info").json()["stale"]


def test_a_reload_without_the_registry_is_503(start, registry):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.down = True

    assert client.post("/reload-model", headers=ADMIN).status_code == 503


def test_a_reload_with_nothing_in_production_is_404(start, registry):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.withdraw()

    assert client.post("/reload-model", headers=ADMIN).status_code == 404


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "other"}, {"X-API-Key": ""}])
def test_only_the_operator_may_reload(start, headers):
    assert start(admin_api_key="admin").post("/reload-model", headers=headers).status_code == 401


def test_without_an_admin_key_nobody_may_reload(start):
    answer = start(api_keys="one").post("/reload-model", headers={"X-API-Key": "one"})

    assert answer.status_code == 403
    assert "ADMIN_API_KEY" in answer.json()["detail"]


def test_metrics_tell_predictions_by_horizon_version_and_band(client):
    client.post("/predict", json=EXAMPLE)
    client.post("/predict_batch", json=[EXAMPLE, EXAMPLE | {"number_inpatient": 0}])

    text = client.get("/metrics").text
    assert 'readmission_predictions_total{horizon="any",model_version="1",risk_band="high"} 2.0' in text
    assert 'readmission_predictions_total{horizon="any",model_version="1",risk_band="medium"} 1.0' in text
    assert 'readmission_prediction_probability_count{horizon="any",model_version="1"} 3.0' in text
    assert 'readmission_predictions_total{horizon="within_30_days",model_version="1",risk_band="low"} 3.0' in text
    assert 'readmission_model_info{calibrated="true",candidate="logistic_regression",data_source="synthetic",' in text
    assert 'readmission_http_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'readmission_model_reloads_total{horizon="any",result="loaded"} 1.0' in text


def test_probes_and_scrapes_are_no_requests_in_the_metrics(client):
    client.get("/health")

    text = client.get("/metrics").text
    assert 'route="/health"' not in text
    assert 'route="/metrics"' not in text
    assert 'route="/ready"' not in text
