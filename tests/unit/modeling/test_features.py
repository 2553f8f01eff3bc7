import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from readmission.domain.encoding import encode
from readmission.domain.schema import FEATURE_NAMES, FEATURES, Kind
from readmission.modeling.features import ClinicalEncoder, Log1p


def _values(column):
    if column.kind is Kind.NUMBER:
        return st.integers(column.low, column.high)
    if column.kind is Kind.ICD9:
        known = st.sampled_from(["250.83", "428", "V57", "E885", "786", "140", "999.9"])
    else:
        known = st.sampled_from([value for value in column.values if value not in column.unknown])
    return known if column.required else st.none() | known


ENCOUNTERS = st.lists(
    st.fixed_dictionaries({column.name: _values(column) for column in FEATURES}), min_size=1, max_size=5
)


def _frame(encounters):
    frame = pd.DataFrame(encounters)
    for column in FEATURES:
        kind = "Int64" if column.kind in (Kind.NUMBER, Kind.CODE) else "str"
        frame[column.name] = frame[column.name].astype(kind)
    return frame


@given(ENCOUNTERS)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_training_and_serving_encode_alike(encounters):
    np.testing.assert_array_equal(ClinicalEncoder().transform(_frame(encounters)), encode(encounters))


@given(ENCOUNTERS)
@settings(derandomize=True, max_examples=20, deadline=None)
def test_the_types_in_which_a_database_gives_unknown_back_do_not_matter(encounters):
    as_objects = pd.DataFrame(encounters, dtype=object)

    np.testing.assert_array_equal(ClinicalEncoder().transform(as_objects), encode(encounters))


def test_the_order_of_the_columns_does_not_matter():
    encounters = [{column.name: None for column in FEATURES} | {"age": "[70-80)", "num_medications": 5}]
    frame = _frame(encounters)

    np.testing.assert_array_equal(ClinicalEncoder().transform(frame[frame.columns[::-1]]), encode(encounters))


def test_the_matrix_has_the_features_in_the_order_of_the_contract():
    names = ClinicalEncoder().get_feature_names_out()

    assert tuple(names) == FEATURE_NAMES


def test_no_rows_give_no_rows():
    matrix = ClinicalEncoder().transform(_frame([dict.fromkeys(FEATURE_NAMES)]).iloc[:0])

    assert matrix.shape == (0, len(FEATURES))


def test_a_missing_column_is_an_error():
    with pytest.raises(KeyError, match="gender"):
        ClinicalEncoder().transform(pd.DataFrame({"race": ["Other"]}))


def test_the_encoder_learns_nothing_and_can_be_cloned():
    encoder = clone(ClinicalEncoder())

    assert encoder.fit(pd.DataFrame()) is encoder
    check_is_fitted(encoder)


def test_the_logarithm_of_a_count_is_that_of_one_more():
    counts = np.array([[0.0, 1.0], [3.0, 50.0]])

    np.testing.assert_allclose(Log1p().fit_transform(counts), [[0, np.log(2)], [np.log(4), np.log(51)]])
