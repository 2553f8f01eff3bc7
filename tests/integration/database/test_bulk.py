"""The ways to bring rows into MariaDB and MySQL: the fast one, and the one for a server that does not allow it."""

import tempfile
import uuid

import pytest
from pandas.testing import assert_frame_equal
from sqlalchemy import make_url

from direct_connection import connect
from readmission.adapters.database import RawDatabase
from readmission.adapters.database.bulk import staged
from readmission.adapters.database.tables import diabetes_raw
from readmission.errors import InvalidBatch

PASSWORD = "only-for-tests"


def in_order(frame):
    return frame.sort_values("encounter_id", ignore_index=True)


@pytest.fixture
def raw_on_server(sql_server):
    with RawDatabase(sql_server.create_database(f"raw_{uuid.uuid4().hex}")) as database:
        database.migrate()
        yield database


@pytest.fixture(params=[0, 1], ids=["refused", "taken"])
def takes_local_files(request, sql_server):
    """Whether the server takes LOAD DATA LOCAL: MariaDB does by default, MySQL does not."""
    with sql_server.setting("local_infile", request.param):
        yield request.param == 1


@pytest.fixture
def loads(sql_server):
    """``loads()``: how many LOAD statements the server was sent so far."""
    return lambda: int(sql_server.value("SHOW GLOBAL STATUS LIKE 'Com_load'"))


@pytest.fixture
def restricted_url(sql_server, raw_on_server):
    """The migrated database for a user who may read and write rows, and nothing else."""
    name = raw_on_server.url.database
    sql_server.execute("DROP USER IF EXISTS 'restricted'@'127.0.0.1'")
    sql_server.execute(f"CREATE USER 'restricted'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES"
    sql_server.execute(f"GRANT {rights} ON `{name}`.* TO 'restricted'@'127.0.0.1'")
    return sql_server.server.url(name, "restricted", PASSWORD)


def test_a_server_gets_the_rows_whether_it_takes_local_files_or_not(
    takes_local_files, restricted_url, raw_frame, ledger_row, loads
):
    frame = raw_frame()
    frame.loc[:2, "medical_specialty"] = ["\\N\t\n\0", "ñ漢😀", None]
    before = loads()

    with RawDatabase(restricted_url) as database:
        added = database.store_batch(ledger_row(), frame)

        assert added == len(frame)
        assert_frame_equal(database.read_batch(1), in_order(frame))
    assert (loads() > before) == takes_local_files


def test_a_load_leaves_no_file_behind(sql_server, raw_on_server, raw_frame, ledger_row, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url = raw_on_server.url.render_as_string(hide_password=False)

    with sql_server.setting("local_infile", 1), RawDatabase(url) as database:
        database.store_batch(ledger_row(), raw_frame())

    assert list(tmp_path.iterdir()) == []


def test_a_value_that_the_server_would_cut_off_is_an_error(sql_server, raw_on_server, raw_frame):
    frame = raw_frame().assign(race="x" * 300)

    with (
        sql_server.setting("local_infile", 1),
        connect(raw_on_server) as connection,
        pytest.raises(InvalidBatch, match="changed 300 values"),
        staged(connection, diabetes_raw, frame),
    ):
        pytest.fail("the rows were taken")


def test_a_password_of_special_characters_reads_and_writes(sql_server, raw_on_server, raw_frame, ledger_row):
    password = "a@b/c:d%e#f?g&h é"
    name = raw_on_server.url.database
    sql_server.server.create_databases([name], "special", password)
    url = make_url(sql_server.server.url(name, "special", "x")).set(password=password)

    with RawDatabase(url.render_as_string(hide_password=False)) as database:
        database.store_batch(ledger_row(), raw_frame())

        assert_frame_equal(database.read_batch(1), in_order(raw_frame()))
