import string

import pytest

from readmission.domain.schema import FEATURES
from readmission.ui.texts import TEXTS, text


def _placeholders(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_have_the_same_keys():
    assert TEXTS["es"].keys() == TEXTS["en"].keys()


@pytest.mark.parametrize("key", TEXTS["es"])
def test_both_languages_fill_in_the_same_values(key):
    assert _placeholders(TEXTS["es"][key]) == _placeholders(TEXTS["en"][key])


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_is_empty(language):
    assert [key for key, value in TEXTS[language].items() if not value.strip()] == []


@pytest.mark.parametrize("language", TEXTS)
def test_every_feature_has_a_name(language):
    assert [column.name for column in FEATURES if f"field.{column.name}" not in TEXTS[language]] == []


def test_placeholders_are_filled():
    assert text("es", "version", version=7) == "versión 7"


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        text("en", "no such text")
