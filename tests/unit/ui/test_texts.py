import string

import pytest

from readmission.domain.schema import FEATURES
from readmission.ui.texts import TEXTS, text, when


def _placeholders(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_have_the_same_keys():
    assert TEXTS["es"].keys() == TEXTS["en"].keys()


def test_both_languages_fill_in_the_same_values():
    spanish, english = TEXTS["es"], TEXTS["en"]

    assert [key for key in spanish if _placeholders(spanish[key]) != _placeholders(english[key])] == []


def test_no_text_is_empty():
    assert [(language, key) for language in TEXTS for key, value in TEXTS[language].items() if not value.strip()] == []


def test_every_feature_has_a_name():
    names = [f"field.{column.name}" for column in FEATURES]

    assert [(language, name) for language in TEXTS for name in names if name not in TEXTS[language]] == []


def test_placeholders_are_filled():
    assert text("es", "readmission", when="mañana") == "Reingreso mañana"


def test_several_horizons_are_joined_in_the_language_of_the_reader():
    assert when("es", ["any", "within_30_days"]) == "en algún momento y en menos de 30 días"
    assert when("en", ["any", "within_30_days"]) == "at any later time and within 30 days"


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        text("en", "no such text")
