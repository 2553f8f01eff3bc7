"""What a cell of a table becomes, in a column of integers and in one of text."""

from readmission.domain.schema import COLUMN
from readmission.serving.table_columns import table_value


def integers_of(*cells: object) -> list[tuple[type, object]]:
    """What stands in cells of an integer column, with its type: 3 is no 3.0 and no True."""
    found = [table_value(COLUMN["time_in_hospital"], cell) for cell in cells]
    return [(type(value), value) for value in found]


def test_a_whole_number_in_a_cell_of_an_integer_column_is_an_integer():
    assert integers_of("3", "3.0", 3.0, "-1") == [(int, 3), (int, 3), (int, 3), (int, -1)]


def test_an_empty_cell_of_an_integer_column_is_unknown():
    assert integers_of("", "?", None, float("nan")) == [(type(None), None)] * 4


def test_anything_else_in_a_cell_of_an_integer_column_stays_as_it_is():
    cells = ["٣", " 3", "3.5", 3.5, "3e0", "--3", "-", ".0", "9" * 20, True, "+3"]

    assert integers_of(*cells) == [(type(cell), cell) for cell in cells]


def test_a_cell_of_a_text_column_stays_text():
    assert table_value(COLUMN["diag_1"], "428") == "428"
