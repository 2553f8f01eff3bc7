import pytest
from streamlit.testing.v1 import AppTest

from doubles.inference_api import MODEL, MODEL_30D, FakeInferenceApi
from readmission.domain.example import EXAMPLE
from readmission.errors import InvalidInput, ModelNotLoaded, SourceUnavailable
from readmission.ui.form import INITIAL
from readmission.ui.texts import text

BOTH = {"any": MODEL, "within_30_days": MODEL_30D}


def _script(api, models=None):
    from readmission.ui.page import page

    page(api, models or api.models)


def _open(api, language="es", models=None):
    app = AppTest.from_function(_script, kwargs={"api": api, "models": models}, default_timeout=30)
    app.query_params["lang"] = language
    return app.run()


def _click(app, language, key):
    button = next(button for button in app.button if button.label == text(language, key))
    return button.click().run()


def _submitted(api, language="es"):
    app = _click(_open(api, language), language, "example")
    return _click(app, language, "submit")


def _metrics(app):
    return [(metric.label, metric.value) for metric in app.metric]


def _told(blocks):
    return [block.value for block in blocks]


def _switch(app, language):
    return app.segmented_control(key="language").set_value(language).run()


def test_the_page_is_in_spanish_by_default():
    app = AppTest.from_function(_script, kwargs={"api": FakeInferenceApi()}, default_timeout=30).run()

    assert app.title[0].value == "Riesgo de reingreso hospitalario"


def test_an_unknown_language_in_the_address_gives_spanish():
    app = _open(FakeInferenceApi(), "xx")

    assert app.title[0].value == "Riesgo de reingreso hospitalario"


def test_the_example_gives_the_risk_of_each_horizon_with_its_model():
    app = _submitted(FakeInferenceApi())

    assert _metrics(app) == [
        ("Riesgo en algún momento", "61,2 %"),
        ("Nivel de riesgo", "Alto"),
        ("Umbral: en algún momento", "45,8 %"),
        ("Riesgo en menos de 30 días", "15,3 %"),
        ("Nivel de riesgo", "Medio"),
        ("Umbral: en menos de 30 días", "11,0 %"),
    ]
    assert "Modelo: diabetes_classifier, versión 3" in _told(app.caption)
    assert "Modelo: diabetes_classifier_30d, versión 5" in _told(app.caption)
    assert not app.exception


def test_the_primary_horizon_comes_first():
    app = _submitted(FakeInferenceApi(models={"within_30_days": MODEL_30D, "any": MODEL}), "en")

    assert [told for told in _told(app.markdown) if told.startswith("**Readmission")] == [
        "**Readmission within 30 days**",
        "**Readmission at any later time**",
    ]


def test_one_sentence_says_which_thresholds_the_risks_reach():
    app = _submitted(FakeInferenceApi(scores={"within_30_days": {"prediction": 0}}), "en")

    assert [told for told in _told(app.markdown) if "threshold" in told] == [
        ":red-background[The risk reaches the threshold for readmission at any later time, "
        "but not the one for readmission within 30 days.]"
    ]


def test_a_horizon_without_a_model_is_said_to_be_missing():
    app = _submitted(FakeInferenceApi(models={"any": MODEL, "within_30_days": None}), "en")

    missing = "Risk of readmission within 30 days: not available, because there is no model yet."
    assert _told(app.warning) == [missing]
    assert missing in _told(app.markdown)
    assert ("Risk at any later time", "61.2 %") in _metrics(app)


def test_a_horizon_that_is_not_served_is_not_missed():
    app = _submitted(FakeInferenceApi(models={"within_30_days": MODEL_30D}))

    assert [metric for metric in _metrics(app) if "algún momento" in metric[0]] == []
    assert len(app.warning) == 0


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

    assert ("Risk within 30 days", "15.3 %") in _metrics(app)
    assert app.selectbox(key="field.en.admission_source_id").value == 7
    assert len(api.asked) == 1


def test_a_risk_never_stands_beside_other_values_than_its_own():
    app = _submitted(FakeInferenceApi())

    app.number_input(key="field.es.number_inpatient").set_value(9).run()

    assert _metrics(app) == []


def test_a_model_from_synthetic_data_is_announced():
    app = _open(FakeInferenceApi({"data_source": "synthetic"}))

    assert _told(app.error) == [
        "### Riesgo de reingreso en algún momento: entrenado con datos sintéticos, no usar con pacientes."
    ]


def test_two_models_from_synthetic_data_are_announced_together():
    synthetic = {
        "any": MODEL | {"data_source": "synthetic"},
        "within_30_days": MODEL_30D | {"data_source": "synthetic"},
    }

    app = _open(FakeInferenceApi(models=synthetic), "en")

    assert _told(app.error) == [
        "### Risk of readmission at any later time and within 30 days: "
        "trained on synthetic data, do not use with patients."
    ]


@pytest.mark.parametrize("source", ["uci", "file"])
def test_a_model_from_real_data_has_no_such_banner(source):
    app = _open(FakeInferenceApi({"data_source": source}))

    assert len(app.error) == 0


def test_an_uncalibrated_model_is_announced():
    app = _open(FakeInferenceApi(models={"any": MODEL, "within_30_days": MODEL_30D | {"calibrated": False}}), "en")

    assert _told(app.warning) == [
        "### Risk of readmission within 30 days: not calibrated, the percentage ranks patients, "
        "but it is not a probability."
    ]


def test_no_risk_is_shown_while_nothing_is_known_of_the_models():
    app = _submitted(FakeInferenceApi(failing={"models": SourceUnavailable("connect")}))

    # else the risk of a synthetic model would stand there without its warning
    assert _metrics(app) == []


def test_the_limits_say_what_was_measured_for_each_horizon():
    app = _open(FakeInferenceApi(), "en")

    lines = [line for told in _told(app.markdown) for line in told.splitlines() if "in the test it ordered" in line]
    assert "readmission at any later time" in lines[0]
    assert "ordered 69 %" in lines[0]
    assert "readmission within 30 days" in lines[1]
    assert "ordered 66 %" in lines[1]


@pytest.mark.parametrize(
    ("error", "told"),
    [(SourceUnavailable("connect"), "no responde"), (ModelNotLoaded("none"), "aún no tiene un modelo")],
)
def test_a_service_that_cannot_answer_is_told_and_the_form_stays(error, told):
    app = _submitted(FakeInferenceApi(failing={"models": error, "predict": error}))

    assert told in app.error[0].value
    assert app.selectbox(key="field.es.age").value == "[70-80)"
    assert not app.exception


def test_a_service_that_answers_while_the_page_is_drawn_is_shown():
    answers = iter([SourceUnavailable("connect"), BOTH, BOTH, BOTH])

    app = _open(FakeInferenceApi(), models=lambda: _next(answers))

    assert len(app.error) == 0
    assert any("69 %" in block.value for block in app.markdown)


def test_a_new_version_of_any_horizon_while_the_page_is_drawn_is_shown():
    uncalibrated = BOTH | {"within_30_days": MODEL_30D | {"version": "6", "calibrated": False}}
    answers = iter([BOTH, uncalibrated, uncalibrated, uncalibrated])

    app = _open(FakeInferenceApi(), "en", models=lambda: _next(answers))

    assert "within 30 days: not calibrated" in app.warning[0].value


def test_a_model_that_a_horizon_gets_while_the_page_is_drawn_is_shown():
    answers = iter([BOTH | {"within_30_days": None}, BOTH, BOTH, BOTH])

    app = _open(FakeInferenceApi(), models=lambda: _next(answers))

    assert len(app.warning) == 0


def _next(answers):
    answer = next(answers)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_refused_value_is_named():
    refused = InvalidInput("refused", [{"field": "diag_1", "message": "no", "allowed": {}}])

    app = _submitted(FakeInferenceApi(failing={"predict": refused}))

    assert "«Diagnóstico principal» no es un código CIE-9-MC válido" in app.error[0].value
    assert _metrics(app) == []
