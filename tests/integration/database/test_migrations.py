"""The migrations on each dialect."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, inspect, text

from direct_connection import connect
from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase, migrate_all
from readmission.adapters.database.migrate import version_table
from readmission.adapters.database.tables import clean_metadata, inference_metadata, raw_metadata
from readmission.errors import DatabaseUnavailable, MissingSetting
from readmission.settings.parts import DatabaseSettings

KINDS = {
    "raw": (RawDatabase, raw_metadata),
    "clean": (CleanDatabase, clean_metadata),
    "inference": (InferenceDatabase, inference_metadata),
}


def differs(_context, _inspected_column, _column, inspected_type, type_):
    # MariaDB keeps JSON as LONGTEXT
    return False if isinstance(type_, JSON) and "TEXT" in str(inspected_type) else None


def differences(database, metadata):
    def compare(connection):
        options = {"compare_type": differs, "version_table": version_table(database.name)}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    with connect(database) as connection:
        return compare(connection)


@pytest.mark.parametrize("kind", KINDS)
def test_a_migrated_database_is_what_the_code_expects(database_url, kind):
    make, metadata = KINDS[kind]

    with make(database_url) as database:
        database.migrate()

        assert differences(database, metadata) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_migrated_database_is_left_alone(database_url, kind):
    make, metadata = KINDS[kind]

    with make(database_url) as database:
        database.migrate()
        database.migrate()

        assert differences(database, metadata) == []


@pytest.mark.parametrize("kind", KINDS)
def test_processes_that_migrate_at_once_do_not_disturb_each_other(database_url, in_process, kind):
    make, metadata = KINDS[kind]

    processes = [in_process("migrate", database_url, kind) for _ in range(3)]

    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    with make(database_url) as database:
        assert differences(database, metadata) == []


@pytest.mark.parametrize(
    ("kind", "last_statement"),
    [
        ("raw", "CREATE TABLE IF NOT EXISTS diabetes_raw"),
        ("clean", "CREATE INDEX"),
        ("inference", "CREATE TRIGGER"),
        ("inference", "ALTER TABLE predictions"),
    ],
)
def test_a_migration_that_was_killed_is_finished_by_the_next(database_url, in_process, kind, last_statement):
    make, metadata = KINDS[kind]
    killed = in_process("migrate", database_url, kind, last_statement)
    assert killed.wait(timeout=120) == -9

    with make(database_url) as database:
        database.migrate()

        assert differences(database, metadata) == []


def test_one_database_can_hold_all_three(database_url):
    settings = DatabaseSettings(
        raw_database_url=database_url, clean_database_url=database_url, inference_database_url=database_url
    )

    migrate_all(settings)

    with RawDatabase(database_url) as database, connect(database) as connection:
        tables = set(inspect(connection).get_table_names())
    assert {"diabetes_raw", "batches", "diabetes_clean", "predictions", "outcomes", "promotions"} <= tables


def test_migrating_everything_needs_all_three_urls(database_url):
    with pytest.raises(MissingSetting, match="CLEAN_DATABASE_URL"):
        migrate_all(DatabaseSettings(raw_database_url=database_url, clean_database_url=None))


def test_a_database_of_a_newer_release_is_left_alone_and_named(raw_database):
    newer = text("UPDATE raw_schema_version SET version_num = 'raw_9999'")
    with connect(raw_database) as connection:
        connection.execute(newer)

    with pytest.raises(DatabaseUnavailable, match="the raw database cannot be migrated by this release"):
        raw_database.migrate()
