"""The service definitions start the real programs, and nothing of them is left afterwards."""

import httpx
import pytest
import sqlalchemy as sa

from readmission.adapters.object_store import ObjectStore
from readmission.errors import Unauthorized
from readmission.local.mariadb import MariaDb


def test_mariadb_gives_a_fresh_database_to_its_user(mariadb):
    engine = sa.create_engine(mariadb.create_database("services_test"))

    with engine.connect() as connection:
        name, collation = connection.execute(sa.text("SELECT DATABASE(), @@collation_database")).one()
    engine.dispose()

    assert (name, collation) == ("services_test", "utf8mb4_unicode_ci")


def test_mariadb_refuses_a_wrong_password(mariadb):
    url = sa.make_url(mariadb.create_database("services_test")).set(password="wrong")

    with pytest.raises(sa.exc.DatabaseError, match="Access denied"):
        sa.create_engine(url).connect()


def test_mariadb_can_lie_in_a_folder_whose_name_has_a_space(tmp_path, mariadb):
    server = MariaDb(tmp_path / "my data" / "mariadb", tmp_path / "sql.sock", mariadb.server.port)
    server.directory.parent.mkdir()

    server.initialise()
    first = (server.directory / "mysql").stat().st_ino
    server.initialise()

    assert (server.directory / "mysql").stat().st_ino == first
    assert [path.name for path in server.directory.parent.iterdir()] == ["mariadb"]


def test_the_object_store_keeps_bytes(object_store):
    object_store.put("landing", "services-test", b"abc")

    assert object_store.get("landing", "services-test") == b"abc"


def test_the_object_store_refuses_a_wrong_key(seaweedfs):
    stranger = ObjectStore(seaweedfs, "test-access-key", "wrong", "us-east-1")

    with pytest.raises(Unauthorized):
        stranger.keys("landing")


def test_mlflow_keeps_artifacts_in_the_object_store(mlflow_server, object_store):
    url = f"{mlflow_server}/api/2.0/mlflow-artifacts/artifacts/services-test.txt"

    put = httpx.put(url, content=b"abc", auth=("pipeline", "only-for-tests"))

    assert put.status_code == httpx.codes.OK
    assert "services-test.txt" in object_store.keys("mlflow")
