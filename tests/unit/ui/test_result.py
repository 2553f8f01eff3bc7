import pytest

from readmission.errors import InvalidInput, ModelNotLoaded, SourceUnavailable, Unauthorized
from readmission.ui.result import describe, percent, verdict


def _risk(horizon, prediction, probability=0.5, *, calibrated=True):
    return {"horizon": horizon, "prediction": prediction, "probability": probability, "calibrated": calibrated}


@pytest.mark.parametrize(
    ("any_time", "within_30_days", "spanish", "english"),
    [
        (1, 1, "alcanza el umbral de reingreso en algún momento y en menos de 30 días.", "and within 30 days."),
        (0, 0, "por debajo del umbral de reingreso en algún momento y en menos de 30 días.", "is below the threshold"),
        (
            1,
            0,
            "en algún momento, pero no el de reingreso en menos de 30 días.",
            "but not the one for",
        ),
        (0, 1, "cada modelo tiene su umbral, y para este paciente no concuerdan.", "for this patient they disagree."),
    ],
)
def test_one_sentence_says_which_risks_reach_their_thresholds(any_time, within_30_days, spanish, english):
    risks = [_risk("any", any_time), _risk("within_30_days", within_30_days)]

    assert spanish in verdict(risks, "es")
    assert english in verdict(risks, "en")


def test_the_sentence_is_the_same_whichever_horizon_is_the_primary():
    risks = [_risk("within_30_days", 0), _risk("any", 1)]

    assert verdict(risks, "en") == verdict(risks[::-1], "en")


def test_the_sentence_for_one_horizon_names_that_one():
    assert verdict([_risk("within_30_days", 1)], "en") == (
        "The risk reaches the threshold for readmission within 30 days."
    )


def test_a_shorter_horizon_with_a_higher_risk_is_said_to_be_a_disagreement():
    told = verdict([_risk("any", 1, 0.3), _risk("within_30_days", 1, 0.4)], "en")

    assert told.endswith(
        "the risk of readmission within 30 days cannot be higher than the one of readmission at any later time."
    )


def test_percentages_that_are_no_probabilities_are_not_compared():
    told = verdict([_risk("any", 1, 0.3), _risk("within_30_days", 1, 0.4, calibrated=False)], "en")

    assert told == "The risk reaches the threshold for readmission at any later time and within 30 days."


def _refused(*fields):
    return InvalidInput("refused", [{"field": field, "message": "no", "allowed": {}} for field in fields])


@pytest.mark.parametrize(
    ("error", "spanish", "english"),
    [
        (SourceUnavailable("down"), "no responde", "does not answer"),
        (ModelNotLoaded("none"), "aún no tiene un modelo", "has no model yet"),
        (Unauthorized("key"), "no acepta la clave", "does not accept this page's key"),
        (_refused("time_in_hospital"), "«Días de estancia» ha de ser un número entero de 1 a 14", "from 1 to 14"),
        (_refused("diag_2"), "«Diagnóstico secundario» no es un código CIE-9-MC válido", "“Secondary diagnosis”"),
        (_refused("race"), "El valor de «Raza (según el hospital)» no es válido", "“Race (as recorded)”"),
    ],
)
def test_an_error_is_told_in_the_language_of_the_reader(error, spanish, english):
    assert spanish in describe(error, "es")
    assert english in describe(error, "en")


def test_every_refused_field_is_named():
    told = describe(_refused("diag_1", "num_medications"), "en")

    assert "Primary diagnosis" in told
    assert "Distinct drugs" in told


def test_a_refusal_without_a_known_field_is_still_told():
    assert describe(_refused("<b>no such field</b>"), "en") == "The prediction service refused the data."


def test_a_percentage_is_written_as_the_language_writes_it():
    assert percent(0.4567, "es") == "45,7 %"
    assert percent(0.4567, "en") == "45.7 %"
