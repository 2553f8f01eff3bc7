"""The ways to bring rows into MariaDB: the fast one, and the one for a server that does not allow it."""

import tempfile

import mysql.connector
import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import make_url

from direct_connection import connect
from readmission.adapters.database import RawDatabase
from readmission.adapters.database.bulk import staged
from readmission.adapters.database.tables import diabetes_raw
from readmission.errors import InvalidBatch
from readmission.local.mariadb import system_user


def in_order(frame):
    return frame.sort_values("encounter_id", ignore_index=True)


@pytest.fixture
def mariadb_raw(mariadb, request):
    with RawDatabase(mariadb.create_database(f"raw_{abs(hash(request.node.name))}")) as database:
        database.migrate()
        yield database


@pytest.fixture
def without_local_infile(mariadb):
    """The server refuses LOAD DATA LOCAL, as MySQL does by default."""
    with mysql.connector.connect(unix_socket=str(mariadb.server.socket), user=system_user()) as administrator:
        cursor = administrator.cursor()
        cursor.execute("SET GLOBAL local_infile = 0")
        yield
        cursor.execute("SET GLOBAL local_infile = 1")


@pytest.mark.usefixtures("without_local_infile")
def test_a_server_that_refuses_local_files_gets_the_rows_all_the_same(mariadb_raw, raw_frame, ledger_row):
    frame = raw_frame()
    frame.loc[:2, "medical_specialty"] = ["\\N\t\n\0", "ñ漢😀", None]

    added = mariadb_raw.store_batch(ledger_row(), frame)

    assert added == len(frame)
    assert_frame_equal(mariadb_raw.read_batch(1), in_order(frame))


def test_a_load_leaves_no_file_behind(mariadb, raw_frame, ledger_row, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with RawDatabase(mariadb.create_database("no_file_behind")) as database:
        database.migrate()
        database.store_batch(ledger_row(), raw_frame())

    assert list(tmp_path.iterdir()) == []


def test_a_value_that_the_server_would_cut_off_is_an_error(mariadb_raw, raw_frame):
    frame = raw_frame().assign(race="x" * 300)

    with (
        connect(mariadb_raw) as connection,
        pytest.raises(InvalidBatch, match="changed 300 values"),
        staged(connection, diabetes_raw, frame),
    ):
        pytest.fail("the rows were taken")


def test_a_password_of_special_characters_reads_and_writes(mariadb, mariadb_raw, raw_frame, ledger_row):
    password = "a@b/c:d%e#f?g&h é"
    name = mariadb_raw.url.database
    mariadb.server.create_databases([name], "special", password)
    url = make_url(mariadb.server.url(name, "special", "x")).set(password=password)

    with RawDatabase(url.render_as_string(hide_password=False)) as database:
        database.store_batch(ledger_row(), raw_frame())

        assert_frame_equal(database.read_batch(1), in_order(raw_frame()))
