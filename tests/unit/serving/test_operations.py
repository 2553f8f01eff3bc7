import hashlib

import pytest

from readmission.domain.schema import FEATURE_NAMES
from readmission.serving.encounter import EXAMPLE

ADMIN = {"X-API-Key": "admin"}


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
        "target": "any",
        "threshold": 0.5,
        "risk_bands": {"medium": 0.4, "high": 0.6},
        "calibrated": True,
        "candidate": "logistic_regression",
        "trained_at": "2026-01-01T00:00:00Z",
    }


def test_a_reload_swaps_the_model(start, registry, model_file):
    client = start(admin_api_key="admin", model_poll_seconds=3600)
    registry.publish(model_file(1.0))

    answer = client.post("/reload-model", headers=ADMIN)

    assert answer.json() == {"model_name": "diabetes_classifier", "previous_version": "1", "model_version": "2"}
    assert client.post("/predict", json=EXAMPLE).json()["model_version"] == "2"


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


def test_metrics_tell_predictions_by_version_and_band(client):
    client.post("/predict", json=EXAMPLE)
    client.post("/predict_batch", json=[EXAMPLE, EXAMPLE | {"number_inpatient": 0}])

    text = client.get("/metrics").text
    assert 'readmission_predictions_total{model_version="1",risk_band="high"} 2.0' in text
    assert 'readmission_predictions_total{model_version="1",risk_band="medium"} 1.0' in text
    assert 'readmission_prediction_probability_count{model_version="1"} 3.0' in text
    assert 'readmission_http_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'readmission_model_reloads_total{result="loaded"} 1.0' in text


def test_probes_and_scrapes_are_no_requests_in_the_metrics(client):
    client.get("/health")

    text = client.get("/metrics").text
    assert 'route="/health"' not in text
    assert 'route="/metrics"' not in text
    assert 'route="/ready"' not in text
