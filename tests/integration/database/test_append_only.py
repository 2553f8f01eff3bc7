"""The ledger of promotions is append-only on every server, or its migration stops."""

import uuid

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from direct_connection import connect
from readmission.adapters.database import InferenceDatabase
from readmission.errors import DatabaseUnavailable

PASSWORD = "only-for-tests"
CHANGES = ["UPDATE promotions SET who = 'nobody'", "DELETE FROM promotions"]
ROW = (
    "INSERT INTO promotions (action, model_name, version, who, at, reason, evidence, pipeline_run_id)"
    " VALUES ('promote', 'm', '1', 'dag', '2026-11-24', 'first', '{}', 'run-1')"
)


@pytest.fixture
def inference_on_server(sql_server):
    """An empty database on a server; it is not migrated."""
    with InferenceDatabase(sql_server.create_database(f"ledger_{uuid.uuid4().hex}")) as database:
        yield database


@pytest.fixture
def refuses_triggers(sql_server):
    """``with refuses_triggers():`` the server is as MySQL is by default; its binary log is on."""
    return lambda: sql_server.setting("log_bin_trust_function_creators", 0)


def forget_the_triggers(database):
    """Leave the database as the first release did where the server refused the triggers."""
    with connect(database) as connection:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER promotions_no_{verb}"))
        connection.execute(text("UPDATE inference_schema_version SET version_num = 'inference_0001'"))


def refused_changes(database):
    """How many of the two kinds of change the ledger refuses."""
    with connect(database) as connection:
        connection.execute(text(ROW))
    refused = 0
    for change in CHANGES:
        try:
            with connect(database) as connection:
                connection.execute(text(change))
        except DBAPIError as error:
            refused += "promotions is append-only" in str(error)
    return refused


def test_a_server_that_refuses_triggers_stops_the_migration_and_its_setting_is_named(
    inference_on_server, refuses_triggers
):
    with refuses_triggers(), pytest.raises(DatabaseUnavailable, match="log_bin_trust_function_creators=1") as caught:
        inference_on_server.migrate()

    assert "promotions cannot be made append-only" in str(caught.value)


def test_a_refused_migration_is_finished_once_the_server_is_set(inference_on_server, refuses_triggers):
    with refuses_triggers(), pytest.raises(DatabaseUnavailable):
        inference_on_server.migrate()

    inference_on_server.migrate()

    assert refused_changes(inference_on_server) == len(CHANGES)


def test_a_user_without_the_right_to_make_triggers_stops_the_migration_and_the_right_is_named(
    sql_server, inference_on_server
):
    name = inference_on_server.url.database
    sql_server.execute("DROP USER IF EXISTS 'no_trigger'@'127.0.0.1'")
    sql_server.execute(f"CREATE USER 'no_trigger'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
    sql_server.execute(f"GRANT ALL ON `{name}`.* TO 'no_trigger'@'127.0.0.1'")
    sql_server.execute(f"REVOKE TRIGGER ON `{name}`.* FROM 'no_trigger'@'127.0.0.1'")

    url = sql_server.server.url(name, "no_trigger", PASSWORD)
    with InferenceDatabase(url) as database, pytest.raises(DatabaseUnavailable, match="grant TRIGGER"):
        database.migrate()


def test_an_earlier_installation_without_the_triggers_gets_them(inference_database):
    forget_the_triggers(inference_database)

    inference_database.migrate()

    assert refused_changes(inference_database) == len(CHANGES)


def test_an_earlier_installation_on_a_server_that_still_refuses_them_stops(inference_on_server, refuses_triggers):
    inference_on_server.migrate()
    forget_the_triggers(inference_on_server)

    with refuses_triggers(), pytest.raises(DatabaseUnavailable, match="append-only"):
        inference_on_server.migrate()


def test_an_earlier_installation_with_the_triggers_needs_no_setting(inference_on_server, refuses_triggers):
    inference_on_server.migrate()
    with connect(inference_on_server) as connection:
        connection.execute(text("UPDATE inference_schema_version SET version_num = 'inference_0001'"))

    with refuses_triggers():
        inference_on_server.migrate()

    assert refused_changes(inference_on_server) == len(CHANGES)


def test_a_migration_killed_between_the_two_triggers_is_finished_by_the_next(database_url, in_process):
    killed = in_process("migrate", database_url, "inference", "CREATE TRIGGER")
    assert killed.wait(timeout=120) == -9

    with InferenceDatabase(database_url) as database:
        database.migrate()

        assert refused_changes(database) == len(CHANGES)
