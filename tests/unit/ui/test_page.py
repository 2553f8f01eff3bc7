import pytest
from streamlit.testing.v1 import AppTest

from doubles.inference_api import MODEL, FakeInferenceApi
from readmission.domain.example import EXAMPLE
from readmission.errors import InvalidInput, ModelNotLoaded, SourceUnavailable
from readmission.ui.form import INITIAL
from readmission.ui.texts import text


def _script(api, model_info=None):
    from readmission.ui.page import page

    page(api, model_info or api.model_info)


def _open(api, language="es", model_info=None):
    app = AppTest.from_function(_script, kwargs={"api": api, "model_info": model_info}, default_timeout=30)
    app.query_params["lang"] = language
    return app.run()


def _click(app, language, key):
    button = next(button for button in app.button if button.label == text(language, key))
    return button.click().run()


def _submitted(api, language="es"):
    app = _click(_open(api, language), language, "example")
    return _click(app, language, "submit")


def _metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def _switch(app, language):
    return app.segmented_control(key="language").set_value(language).run()


def test_the_page_is_in_spanish_by_default():
    app = AppTest.from_function(_script, kwargs={"api": FakeInferenceApi()}, default_timeout=30).run()

    assert app.title[0].value == "Riesgo de reingreso hospitalario"


def test_an_unknown_language_in_the_address_gives_spanish():
    app = _open(FakeInferenceApi(), "xx")

    assert app.title[0].value == "Riesgo de reingreso hospitalario"


def test_the_example_gives_a_risk_with_its_model():
    api = FakeInferenceApi()

    app = _submitted(api)

    assert _metrics(app) == {
        "Riesgo de reingreso": "61,2 %",
        "Nivel de riesgo": "Alto",
        "Umbral de decisión": "45,8 %",
        "Modelo": "versión 3",
    }
    assert not app.exception


def test_what_is_asked_is_what_the_form_holds():
    api = FakeInferenceApi()

    _submitted(api)

    assert api.asked == [{name: EXAMPLE.get(name, INITIAL.get(name)) for name in api.asked[0]}]
    assert api.asked[0]["payer_code"] is None


def test_an_empty_form_names_what_is_missing_and_asks_nothing():
    api = FakeInferenceApi()

    app = _click(_open(api), "es", "submit")

    assert "Edad" in app.warning[0].value
    assert "Hospitalizaciones" in app.warning[0].value
    assert api.asked == []


def test_a_change_of_language_keeps_the_values_and_the_risk():
    api = FakeInferenceApi()
    app = _submitted(api)

    app = _switch(app, "en")

    assert _metrics(app)["Readmission risk"] == "61.2 %"
    assert app.selectbox(key="field.en.admission_source_id").value == 7
    assert len(api.asked) == 1


def test_a_risk_never_stands_beside_other_values_than_its_own():
    app = _submitted(FakeInferenceApi())

    app.number_input(key="field.es.number_inpatient").set_value(9).run()

    assert _metrics(app) == {}


def test_a_model_from_synthetic_data_is_announced():
    app = _open(FakeInferenceApi({"data_source": "synthetic"}))

    assert "modelo entrenado con datos sintéticos: no usar con pacientes" in app.error[0].value.lower()


@pytest.mark.parametrize("source", ["uci", "file"])
def test_a_model_from_real_data_has_no_such_banner(source):
    app = _open(FakeInferenceApi({"data_source": source}))

    assert len(app.error) == 0


def test_an_uncalibrated_model_is_announced():
    app = _open(FakeInferenceApi({"calibrated": False}), "en")

    assert "not a probability" in app.warning[0].value


def test_the_limits_say_what_was_measured():
    app = _open(FakeInferenceApi(), "en")

    assert any("ordered 69 %" in block.value for block in app.markdown)


@pytest.mark.parametrize(
    ("error", "told"),
    [(SourceUnavailable("connect"), "no responde"), (ModelNotLoaded("none"), "aún no tiene un modelo")],
)
def test_a_service_that_cannot_answer_is_told_and_the_form_stays(error, told):
    app = _submitted(FakeInferenceApi(failing={"model_info": error, "predict": error}))

    assert told in app.error[0].value
    assert app.selectbox(key="field.es.age").value == "[70-80)"
    assert not app.exception


def test_a_change_of_the_model_while_the_page_is_drawn_is_shown():
    answers = iter([SourceUnavailable("connect"), MODEL, MODEL, MODEL])

    app = _open(FakeInferenceApi(), model_info=lambda: _next(answers))

    assert len(app.error) == 0
    assert any("69 %" in block.value for block in app.markdown)


def _next(answers):
    answer = next(answers)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_refused_value_is_named():
    refused = InvalidInput("refused", [{"field": "diag_1", "message": "no", "allowed": {}}])

    app = _submitted(FakeInferenceApi(failing={"predict": refused}))

    assert "«Diagnóstico principal» no es un código CIE-9-MC válido" in app.error[0].value
    assert _metrics(app) == {}
