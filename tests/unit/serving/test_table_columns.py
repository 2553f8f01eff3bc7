import pytest

from readmission.domain.schema import COLUMN
from readmission.serving.table_columns import table_value


@pytest.mark.parametrize(
    ("cell", "value"),
    [("3", 3), ("3.0", 3), (3.0, 3), ("-1", -1), ("", None), ("?", None), (None, None), (float("nan"), None)]
    + [(cell, cell) for cell in ("٣", " 3", "3.5", 3.5, "3e0", "--3", "-", ".0", "9" * 20, True, "+3")],
)
def test_a_cell_of_an_integer_column(cell, value):
    found = table_value(COLUMN["time_in_hospital"], cell)

    assert found == value
    assert type(found) is type(value)


def test_a_cell_of_a_text_column_stays_text():
    assert table_value(COLUMN["diag_1"], "428") == "428"
