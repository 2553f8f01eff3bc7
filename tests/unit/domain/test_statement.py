from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readmission.domain.statement import Statement

# any text that a registry may return, halves of surrogate pairs included
TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
STATEMENTS = st.builds(Statement, TEXT, TEXT, TEXT, TEXT, TEXT)
GOOD = Statement("diabetes_classifier", "3", "a" * 64, "b" * 64, "promoted")


@given(STATEMENTS, STATEMENTS)
def test_two_different_statements_never_give_the_same_bytes(one, other):
    assert (one.canonical() == other.canonical()) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (replace(GOOD, model_name="m", version="12"), replace(GOOD, model_name="m1", version="2")),
        (replace(GOOD, model_name='m","version":"9'), replace(GOOD, model_name="m", version='9","version":"3')),
        (replace(GOOD, version="\U0001f600"), replace(GOOD, version="\ud83d\ude00")),
        (replace(GOOD, version="3"), replace(GOOD, version="3 ")),
        (replace(GOOD, version="\\u0033"), GOOD),
    ],
    ids=["moved border", "injected member", "surrogate pair", "trailing space", "escape"],
)
def test_fields_that_look_alike_give_other_bytes(one, other):
    assert one.canonical() != other.canonical()


@pytest.mark.parametrize("name", [field.name for field in fields(Statement)])
def test_every_field_is_part_of_the_bytes(name):
    assert replace(GOOD, **{name: "another"}).canonical() != GOOD.canonical()


def test_the_bytes_stay_what_earlier_releases_signed():
    assert (
        GOOD.canonical()
        == (
            f'{{"dataset_digest":"{"b" * 64}","decision":"promoted","format":"readmission-decision-1",'
            f'"model_name":"diabetes_classifier","onnx_digest":"{"a" * 64}","version":"3"}}'
        ).encode()
    )
