from collections import Counter

import pytest

from readmission.domain.schema import COLUMN, Kind
from readmission.ui.form import ASKED, choices
from readmission.ui.labels import label
from readmission.ui.texts import TEXTS

# 16 stands in no key of the source; payer codes have no published key at all
NAMELESS = {("admission_source_id", 16), *(("payer_code", code) for code in COLUMN["payer_code"].values)}
CHOICES = [
    (column.name, value)
    for column in ASKED
    if column.kind in (Kind.CATEGORY, Kind.CODE)
    for value in choices(column)
    if value is not None
]


def test_every_value_that_the_page_offers_has_a_name():
    as_they_are = {(name, value) for name, value in CHOICES if _names(name, value) == {str(value)}}

    assert as_they_are == NAMELESS


def _names(field, value):
    return {label(field, value, language) for language in ("es", "en")}


def test_no_two_values_of_a_field_have_the_same_name():
    named = Counter((field, language, label(field, value, language)) for field, value in CHOICES for language in TEXTS)

    assert [name for name, count in named.items() if count > 1] == []


@pytest.mark.parametrize(
    ("field", "value", "spanish", "english"),
    [
        ("admission_type_id", 3, "Programado", "Elective"),
        ("discharge_disposition_id", 1, "Domicilio", "Home"),
        ("admission_source_id", 7, "Servicio de urgencias", "Emergency room"),
        ("age", "[70-80)", "70 a 79 años", "70 to 79 years"),
        ("insulin", "Up", "Dosis aumentada", "Dose raised"),
        ("medical_specialty", "PhysicalMedicineandRehabilitation", "Medicina física y rehabilitación", None),
        ("payer_code", "MC", "MC", "MC"),
    ],
)
def test_a_value_is_named_in_the_language_of_the_reader(field, value, spanish, english):
    assert label(field, value, "es") == spanish
    assert label(field, value, "en") == (english or "Physical Medicine and Rehabilitation")
