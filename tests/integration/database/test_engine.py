"""How the databases fail and how they come back: wrong addresses, lost servers, deadlocks, file modes."""

import signal
import stat
import threading
import time
import traceback
from datetime import UTC, datetime

import pytest
from private_mysql import MySql, PrivateServer, find_mysqld
from sqlalchemy import text

from direct_connection import connect
from readmission.adapters.database import CleanDatabase, InferenceDatabase, PredictionRecord, RawDatabase
from readmission.adapters.database.engine import Database
from readmission.errors import DatabaseUnavailable
from readmission.local.mariadb import MariaDb
from readmission.local.programs import find_programs
from readmission.services import BY_NAME


@pytest.fixture(params=[MariaDb, MySql])
def private_server(request, tmp_path, free_ports):
    if request.param is MariaDb and not find_programs().has(BY_NAME["mysql"]):
        pytest.skip("mariadbd is not installed")
    if request.param is MySql and not find_mysqld():
        pytest.skip("mysqld of MySQL is not installed")
    server = PrivateServer(request.param, tmp_path, free_ports(1))
    yield server
    server.kill()


class AnyWork(Database):
    """A database whose only method is a transaction."""

    name = "any_work"

    def write(self, work):
        return self._write(work)


def prediction(prediction_id):
    return PredictionRecord(prediction_id, datetime.now(UTC), "m", "1", 0.5, 1, 0.4, {"age": "[60-70)"}, [], "predict")


def message_of(database):
    """All that a log would show when this database cannot be used."""
    with pytest.raises(DatabaseUnavailable) as caught:
        database.migrate()
    return str(caught.value), "".join(traceback.format_exception(caught.value))


def test_a_killed_server_that_is_back_is_used_again(private_server):
    with InferenceDatabase(private_server.url()) as database:
        database.migrate()
        database.log_predictions([prediction("before")])
        private_server.kill()
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            database.log_predictions([prediction("during")])

        private_server.start()
        database.log_predictions([prediction("after")])

        ids = text("SELECT prediction_id FROM predictions ORDER BY prediction_id")
        with connect(database) as connection:
            assert list(connection.scalars(ids)) == ["after", "before"]


def test_a_server_that_hangs_is_given_up(private_server):
    with InferenceDatabase(private_server.url(), answer_seconds=1) as database:
        database.migrate()
        private_server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()

        with pytest.raises(DatabaseUnavailable):
            database.log_predictions([prediction("during")])

        assert time.monotonic() - began < 15
        private_server.process.send_signal(signal.SIGCONT)
        database.log_predictions([prediction("after")])


def test_a_statement_without_an_answer_is_given_up_and_not_repeated(private_server):
    runs = []

    def work(connection):
        runs.append(1)
        connection.execute(text("SELECT SLEEP(30)"))

    with AnyWork(private_server.url(), answer_seconds=1) as database:
        with pytest.raises(DatabaseUnavailable):
            database.write(work)

        assert runs == [1]
        assert database.write(lambda connection: connection.scalar(text("SELECT 1"))) == 1


def test_a_connection_lost_in_the_middle_of_a_transaction_is_made_up_for(private_server):
    attempts = []

    def work(connection):
        attempts.append(connection.scalar(text("SELECT CONNECTION_ID()")))
        if len(attempts) == 1:
            connection.execute(text(f"KILL {attempts[0]}"))
        return connection.scalar(text("SELECT 1"))

    with AnyWork(private_server.url()) as database:
        result = database.write(work)

    assert (result, len(attempts)) == (1, 2)


def test_a_connection_that_the_server_closed_while_it_was_idle_is_replaced(sql_server):
    is_open = text("SELECT COUNT(*) FROM information_schema.processlist WHERE id = :id")

    def sleepy(connection):
        connection.execute(text("SET SESSION wait_timeout = 1"))
        return connection.scalar(text("SELECT CONNECTION_ID()"))

    with AnyWork(sql_server.create_database("idle")) as database:
        closed = database.write(sleepy)
        with connect(database) as connection:
            while connection.scalar(is_open, {"id": closed}):
                time.sleep(0.1)

        assert database.write(lambda connection: connection.scalar(text("SELECT CONNECTION_ID()"))) != closed


def test_reading_many_rows_from_a_lost_server_is_an_error_at_once(private_server):
    with CleanDatabase(private_server.url()) as database:
        database.migrate()
        private_server.kill()

        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            database.read_split("train")


def test_a_wrong_password_is_said_without_it(private_server):
    database = InferenceDatabase(private_server.url(password="hidden-word"))

    message, log = message_of(database)

    assert "inference_db at 127.0.0.1" in message
    assert "Access denied" in message
    assert "hidden-word" not in log


def test_a_database_that_does_not_exist_is_named(private_server):
    message, _ = message_of(InferenceDatabase(private_server.url(database="nowhere")))

    assert "nowhere at 127.0.0.1" in message


def test_a_server_that_is_not_there_is_named(free_ports):
    port = free_ports(1)

    message, log = message_of(RawDatabase(f"mysql+mysqlconnector://app:hidden-word@127.0.0.1:{port}/raw_db"))

    assert f"raw_db at 127.0.0.1:{port} cannot be reached" in message
    assert "hidden-word" not in log


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("encounters, maybe" * 100)

    message, _ = message_of(RawDatabase(f"sqlite:///{tmp_path}/notes.txt"))

    assert "notes.txt" in message


def test_a_path_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    message, _ = message_of(RawDatabase(f"sqlite:///{tmp_path}/file/raw.sqlite"))

    assert "file/raw.sqlite" in message


def test_a_database_without_tables_is_said_to_fail(tmp_path):
    database = RawDatabase(f"sqlite:///{tmp_path}/raw.sqlite")

    with database, pytest.raises(DatabaseUnavailable, match="raw database"):
        database.batches()


def test_only_this_user_reads_an_sqlite_database(tmp_path):
    directory = tmp_path / "var" / "db"
    with RawDatabase(f"sqlite:///{directory}/raw.sqlite") as database:
        database.migrate()

        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]}

    files = ("raw.sqlite", "raw.sqlite-wal", "raw.sqlite-shm", "raw.sqlite.raw.lock")
    assert modes == {"db": 0o700} | dict.fromkeys(files, 0o600)


def test_a_closed_database_opens_again(database_url):
    database = InferenceDatabase(database_url)
    database.migrate()
    database.close()

    database.log_predictions([prediction("p-1")])

    database.close()


def test_a_deadlock_does_not_reach_the_caller(sql_server):
    url = sql_server.create_database("deadlock")
    both_hold_one = threading.Barrier(2, timeout=30)
    attempts = []

    add_one = text("UPDATE pair SET n = n + 1 WHERE id = :id")

    def take(database, first, second):
        def work(connection):
            attempts.append(first)
            connection.execute(add_one, {"id": first})
            if len(attempts) <= 2:
                both_hold_one.wait()
            connection.execute(add_one, {"id": second})

        database.write(work)

    with AnyWork(url) as database:
        with connect(database) as connection:
            connection.execute(text("CREATE TABLE pair (id INT PRIMARY KEY, n INT)"))
            connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
        threads = [threading.Thread(target=take, args=(database, *order)) for order in [(1, 2), (2, 1)]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with connect(database) as connection:
            assert list(connection.scalars(text("SELECT n FROM pair"))) == [2, 2]
    assert len(attempts) == 3


def test_tables_that_were_never_made_are_a_fault_of_the_database(database_url):
    with InferenceDatabase(database_url) as database, pytest.raises(DatabaseUnavailable, match="inference"):
        database.promotions()
