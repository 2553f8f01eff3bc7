"""The page as deployed, against a real inference API that serves models trained on a small synthetic cohort."""

import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest
import uvicorn
from streamlit.testing.v1 import AppTest

from doubles.gate_keys import PUBLIC_KEY
from doubles.registry import FakeRegistry
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.example import EXAMPLE
from readmission.domain.horizon import HORIZON_NAMES, HORIZONS
from readmission.domain.model_file import ModelFileMetadata
from readmission.domain.schema import NAME_OF_RAW
from readmission.modeling.export import export
from readmission.modeling.fit import fit
from readmission.serving.app import create_app
from readmission.settings import InferenceSettings
from readmission.synthetic.cohort import cohort_columns

ENTRYPOINT = Path(__file__).parents[3] / "streamlit" / "main.py"


@pytest.fixture(scope="module")
def model_files():
    raw_ = pd.DataFrame({NAME_OF_RAW.get(name, name): values for name, values in cohort_columns(2000, seed=0)})
    frame = clean(validate_raw(raw_)).frame
    return {horizon: _model_file(frame, horizon) for horizon in HORIZON_NAMES}


def _model_file(frame, horizon):
    metadata = ModelFileMetadata(
        horizon, 0.46, 0.45, 0.55, "synthetic", "logistic_regression", False, "0" * 64, datetime.now(UTC)
    )
    return export(fit("logistic_regression", frame, horizon, seed=0), metadata)


@pytest.fixture(scope="module")
def inference_api(model_files, tmp_path_factory, free_ports):
    settings = InferenceSettings(
        serving_dir=tmp_path_factory.mktemp("serving"), inference_database_url=None, gate_public_key=PUBLIC_KEY
    )
    registries = {name: FakeRegistry(model) for name, model in settings.registered_models().items()}
    for horizon, registry in registries.items():
        registry.publish(model_files[horizon], test_roc_auc="0.66")
    port = free_ports(1)
    config = uvicorn.Config(create_app(settings, registries=registries), host="127.0.0.1", port=port, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    _wait_until_ready(url)
    yield url
    server.should_exit = True
    thread.join(timeout=30)


def _wait_until_ready(url):
    for _ in range(200):
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.05)
    pytest.fail("the inference API did not get ready")


def _open():
    return AppTest.from_file(str(ENTRYPOINT), default_timeout=60).run()


def _click(app, label):
    return next(button for button in app.button if button.label == label).click().run()


@pytest.fixture
def page(inference_api, monkeypatch):
    monkeypatch.setenv("INFERENCE_API_URL", inference_api)
    return _open()


def test_the_page_shows_what_the_api_answers(page, inference_api):
    risks = httpx.post(f"{inference_api}/predict", json=EXAMPLE).json()["risks"]

    app = _click(_click(page, "Cargar un ejemplo"), "Calcular el riesgo")

    shown = [(metric.label, metric.value) for metric in app.metric if metric.label.startswith("Riesgo")]
    assert shown == [
        (
            f"Riesgo {HORIZONS[risk['horizon']].words['es']}",
            f"{100 * risk['probability']:.1f} %".replace(".", ","),
        )
        for risk in risks
    ]
    assert [caption.value for caption in app.caption if "versión" in caption.value] == [
        "Modelo: diabetes_classifier, versión 1",
        "Modelo: diabetes_classifier_30d, versión 1",
    ]


def test_models_that_are_synthetic_and_not_calibrated_say_both(page):
    both = "en algún momento y en menos de 30 días"
    assert f"{both}: entrenado con datos sintéticos, no usar con pacientes" in page.error[0].value
    assert f"{both}: no calibrado, el porcentaje ordena a los pacientes, pero no es" in page.warning[0].value


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("field.es.diag_1", "I50.9", "«Diagnóstico principal» no es un código CIE-9-MC válido"),
        ("field.es.time_in_hospital", 15, "«Días de estancia» ha de ser un número entero de 1 a 14"),
        ("field.es.number_inpatient", -1, "«Hospitalizaciones» ha de ser un número entero de 0 a 50"),
    ],
)
def test_what_the_api_refuses_is_named_in_spanish(page, key, value, told):
    app = _click(page, "Cargar un ejemplo")
    fields = app.text_input if isinstance(value, str) else app.number_input

    fields(key=key).set_value(value)
    app = _click(app, "Calcular el riesgo")

    assert told in app.error[-1].value
    assert len(app.metric) == 0


class HangingServer:
    """Accepts every connection and never answers. ``accepted`` counts the connections."""

    def __init__(self):
        self.accepted = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            self._connections.append(connection)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(timeout=30)
        for connection in self._connections:
            connection.close()


@pytest.fixture
def hanging_api(monkeypatch):
    server = HangingServer()
    monkeypatch.setenv("INFERENCE_API_URL", server.url)
    yield server
    server.close()


def test_typing_does_not_ask_an_api_that_hangs_again_and_again(hanging_api):
    app = _open()

    for number in range(20):
        app.number_input(key="field.es.num_medications").set_value(number).run()

    assert "no responde" in app.error[0].value
    assert app.number_input(key="field.es.num_medications").value == 19
    assert hanging_api.accepted < 20


def test_typing_does_not_ask_an_api_that_answers_again_and_again(page, requests_of_the_model):
    before = requests_of_the_model()

    for number in range(20):
        page.number_input(key="field.es.num_medications").set_value(number).run()

    assert requests_of_the_model() - before < 20


@pytest.fixture
def requests_of_the_model(inference_api):
    """The number of requests to ``/model-info`` so far, by the API's own metrics."""

    def count():
        lines = httpx.get(f"{inference_api}/metrics").text.splitlines()
        return sum(
            float(line.split()[-1])
            for line in lines
            if line.startswith("readmission_http_requests_total{") and 'route="/model-info"' in line
        )

    return count


def test_without_an_api_the_page_says_so(monkeypatch, free_ports):
    monkeypatch.setenv("INFERENCE_API_URL", f"http://127.0.0.1:{free_ports(1)}")

    app = _open()

    assert "no responde" in app.error[0].value
    assert not app.exception
