import pytest

from readmission.errors import InvalidInput, ModelNotLoaded, SourceUnavailable, Unauthorized
from readmission.ui.result import describe, percent


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
