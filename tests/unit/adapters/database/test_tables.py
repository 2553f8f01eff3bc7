"""The tables follow the contract of ``domain``."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.dialects import sqlite

from readmission.adapters.database.tables import CATEGORY_TEXT, ICD9_TEXT, UtcDateTime, diabetes_clean, diabetes_raw
from readmission.domain.cleaning import CLEAN_COLUMNS
from readmission.domain.schema import COLUMNS, NAMES


def test_the_raw_table_has_the_fifty_columns_and_where_they_came_from():
    assert list(diabetes_raw.columns.keys()) == [*NAMES, "batch_number", "created_at"]


def test_the_clean_table_has_the_clean_columns_the_split_and_the_batch():
    assert list(diabetes_clean.columns.keys()) == [*CLEAN_COLUMNS, "split", "batch_number"]


def test_every_allowed_value_fits_its_clean_column():
    longest = max(len(str(value)) for column in COLUMNS for value in column.values)

    assert longest <= CATEGORY_TEXT
    assert len("E885.12") <= ICD9_TEXT


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())


def test_a_stored_time_comes_back_aware():
    assert UtcDateTime().process_result_value(datetime(2026, 1, 1), sqlite.dialect()) == datetime(
        2026, 1, 1, tzinfo=UTC
    )
