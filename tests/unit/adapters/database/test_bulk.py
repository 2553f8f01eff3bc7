"""What goes to LOAD DATA, byte by byte, and the pipe that carries it."""

import os
import stat
import threading

import pandas as pd
import pytest

from readmission.adapters.database.bulk import checked, pipe, tab_separated
from readmission.adapters.database.tables import diabetes_clean
from readmission.errors import InvalidBatch


def test_rows_are_separated_by_tabs_with_null_as_backslash_n():
    frame = pd.DataFrame(
        {"number": pd.array([1, None, -3], dtype="Int64"), "text": pd.array(["a", "", None], dtype="str")}
    )

    assert tab_separated(frame) == b"1\ta\n\\N\t\n-3\t\\N\n"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("a\tb", "a\\tb"),
        ("a\nb", "a\\nb"),
        ("a\r", "a\\r"),
        ("\\N", "\\\\N"),
        ("\0", "\\0"),
        ("ñ漢😀", "ñ漢😀"),
    ],
)
def test_characters_that_mean_something_to_a_load_are_escaped(value, escaped):
    frame = pd.DataFrame({"text": pd.array([value], dtype="str")})

    assert tab_separated(frame) == f"{escaped}\n".encode()


def test_no_rows_are_no_bytes():
    assert tab_separated(pd.DataFrame({"text": pd.array([], dtype="str")})) == b""


def test_the_pipe_hands_over_all_bytes_to_its_reader():
    data = os.urandom(1_000_000)

    with pipe(data) as path:
        read = path.read_bytes()

    assert read == data


def test_the_pipe_is_for_this_user_alone_and_no_file():
    with pipe(b"rows") as path:
        mode, directory_mode = path.stat().st_mode, path.parent.stat().st_mode

    assert (stat.S_ISFIFO(mode), stat.S_IMODE(mode), stat.S_IMODE(directory_mode)) == (True, 0o600, 0o700)


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_a_pipe_that_nobody_reads_ends_with_its_block(size):
    with pipe(b"x" * size) as path:
        pass

    assert not path.parent.exists()
    assert [thread.name for thread in threading.enumerate() if "_feed" in thread.name] == []


def test_a_reader_that_breaks_off_leaves_no_thread():
    with pipe(b"x" * 1_000_000) as path, path.open("rb") as reader:
        reader.read(10)

    assert [thread.name for thread in threading.enumerate() if "_feed" in thread.name] == []


def splits(patients):
    return pd.DataFrame({"patient_nbr": patients, "split": "train"}).astype({"split": "str"})


def test_columns_come_in_the_order_that_was_asked_for():
    frame = checked(diabetes_clean, splits([1, 2]), ["split", "patient_nbr"][::-1])

    assert list(frame.columns) == ["patient_nbr", "split"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (splits([1, 1]), "patient_nbr repeats"),
        (splits([1, None]), "patient_nbr is missing in 1 rows"),
        (splits([1.5, 2.5]), "patient_nbr must be integer"),
        (splits([True, False]), "patient_nbr must be integer"),
        (splits([1, 2]).assign(split="x" * 17), "split must be text of up to 16"),
        (splits([1, 2]).rename(columns={"split": "part"}), "wrong columns"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(frame, message):
    with pytest.raises(InvalidBatch, match=message):
        checked(diabetes_clean, frame, ["patient_nbr", "split"])
