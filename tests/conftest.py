"""Private servers for the tests, started as the native run starts them; each ends with the session."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import mysql.connector
import pandas as pd
import pytest
from hypothesis import settings as hypothesis_settings
from private_mysql import MySql, find_mysqld

from readmission.adapters.object_store import ObjectStore
from readmission.domain.cleaning import clean, validate_raw
from readmission.domain.cohort import patient_split
from readmission.domain.schema import NAME_OF_RAW
from readmission.local.health import NotHealthy, wait_healthy
from readmission.local.mariadb import MariaDb, system_user
from readmission.local.mlflow import CLIENT_ACCOUNT, server_command, server_environment
from readmission.local.native import Start
from readmission.local.object_store import SeaweedFs
from readmission.local.ports import is_free
from readmission.local.processes import MARK, end_marked, mark_of
from readmission.local.programs import environment_program, find_programs
from readmission.local.secret_files import SecretFiles
from readmission.local.service import Health, Service, save_services
from readmission.local.settings import instance_of
from readmission.local.tls_identity import tls_identity
from readmission.services import BUCKETS, BY_NAME
from readmission.settings import TrackingSettings
from readmission.synthetic.cohort import cohort
from readmission.tracking.app import ACCOUNTS

USER = "readmission"
PASSWORD = "only-for-tests"
KEYS = ("test-access-key", "test-secret-key")

# the contracts of the doubles assert, but are no test modules themselves
pytest.register_assert_rewrite("doubles")
# the same examples in every run, on every machine
hypothesis_settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis_settings.load_profile("repeatable")


def find_free_ports(count: int = 1) -> int:
    """The first of ``count`` free ports in a row, which are free 10,000 higher, too."""
    # each process that shares the work has a range of its own
    begin = 10_000 + 3_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4)
    while True:
        # below the range from which the system takes ports for outgoing connections
        first = random.randrange(begin, begin + 3_000 - count)
        row = range(first, first + count)
        if all(is_free(port) and is_free(port + 10_000) for port in row):
            return first


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], int]:
    return find_free_ports


@contextmanager
def running(service: Service, directory: Path) -> Iterator[None]:
    """Run one service with its native parent process, until the block ends."""
    services, log = directory / f"{service.name}.json", directory / f"{service.name}.log"
    save_services(services, [service])
    mark = mark_of(instance_of(directory), service.name)
    command = [sys.executable, "-m", "readmission.local.run_service", str(services), service.name]
    with log.open("wb") as output:
        parent = subprocess.Popen(command, env={**os.environ, MARK: mark}, stdout=output, stderr=subprocess.STDOUT)

    def started_at() -> float:
        if parent.poll() is not None:
            pytest.fail(f"{service.name} ended with {parent.returncode}:\n{log.read_text()[-2000:]}")
        return 0.0

    try:
        try:
            wait_healthy(service, started_at)
        except NotHealthy as error:
            pytest.fail(f"{service.name}: {error}:\n{log.read_text()[-2000:]}")
        yield
    finally:
        parent.terminate()
        try:
            parent.wait(service.stop_seconds + 5)
        finally:
            end_marked(mark)


def alone(name: str, start: Start, port: int = 0) -> Service:
    """A service of the catalogue that runs without the others."""
    health = start.health or Health(f"http://127.0.0.1:{port}{BY_NAME[name].health}")
    return Service(name, start.command, health, start.environment, stop_seconds=start.stop_seconds)


class SqlServer:
    """A running private MariaDB or MySQL, which its administrator may set up."""

    def __init__(self, server: MariaDb) -> None:
        self.server = server

    def execute(self, statement: str) -> None:
        """Run one statement as the administrator."""
        with mysql.connector.connect(unix_socket=str(self.server.socket), user=system_user()) as connection:
            connection.cursor().execute(statement)

    def value(self, query: str) -> Any:
        """The last column of a query's only row, as the administrator sees it."""
        with mysql.connector.connect(unix_socket=str(self.server.socket), user=system_user()) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            [row] = cursor.fetchall()
        return row[-1]

    def create_database(self, name: str) -> str:
        """The SQLAlchemy URL of an empty database."""
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")
        self.server.create_databases([name], USER, PASSWORD)
        return self.server.url(name, USER, PASSWORD)

    @contextmanager
    def setting(self, name: str, value: int) -> Iterator[None]:
        """Have a setting of the server at ``value`` until the block ends."""
        before = self.value(f"SELECT @@GLOBAL.{name}")
        self.execute(f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            self.execute(f"SET GLOBAL {name} = {before}")


@contextmanager
def running_sql(server: MariaDb, directory: Path, *options: str) -> Iterator[SqlServer]:
    """Run one server with further options until the block ends."""
    server.initialise()
    start = server.start()
    with running(alone("mysql", replace(start, command=(*start.command, *options))), directory):
        yield SqlServer(server)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    if not find_programs().has(BY_NAME["mysql"]):
        pytest.skip("mariadbd is not installed")
    directory = tmp_path_factory.mktemp("mariadb")
    server = MariaDb(directory / "data", directory / "sql.sock", find_free_ports())
    # a server with replicas keeps the binary log, and refuses triggers unless the second option is set
    options = ("--log-bin=binlog", "--log-bin-trust-function-creators=1")
    with running_sql(server, directory, *options) as started:
        yield started


@pytest.fixture(scope="session", name="mysql")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    if not find_mysqld():
        pytest.skip("mysqld of MySQL is not installed")
    directory = tmp_path_factory.mktemp("mysql")
    with running_sql(MySql(directory / "data", directory / "sql.sock", find_free_ports()), directory) as started:
        yield started


@contextmanager
def running_seaweedfs(directory: Path, *, tls: bool = True) -> Iterator[SeaweedFs]:
    """A private S3 server whose keys are ``KEYS`` and whose files are under ``directory``, until the block ends."""
    if not Path(environment_program("weed")).exists():
        pytest.skip("weed is not installed")
    server = SeaweedFs(
        directory=directory / "data",
        identities=directory / "identities.json",
        identity=tls_identity(SecretFiles(directory), "object_store", datetime.now(UTC).date()),
        sockets=directory,
        ports=BY_NAME["object-store"].ports_from(find_free_ports(6)),
    )
    server.initialise(*KEYS)
    start = server.start() if tls else replace(server.start(), environment={})
    with running(alone("object-store", start, server.ports["S3"]), directory):
        yield server


@pytest.fixture(scope="session")
def seaweedfs_in() -> Callable[..., AbstractContextManager[SeaweedFs]]:
    return running_seaweedfs


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFs]:
    with running_seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(seaweedfs_server: SeaweedFs) -> str:
    """The endpoint of the private S3 server."""
    return f"http://127.0.0.1:{seaweedfs_server.ports['S3']}"


@pytest.fixture(scope="session")
def object_store(seaweedfs: str) -> ObjectStore:
    store = ObjectStore(seaweedfs, *KEYS, "us-east-1")
    for bucket in BUCKETS:
        store.make_bucket(bucket)
    return store


@pytest.fixture(scope="session")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the private MLflow's database and log, ``mlflow.log``."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def mlflow_server(seaweedfs: str, mlflow_home: Path) -> Iterator[str]:
    """The tracking URI of a private MLflow whose artifacts lie in the private S3 server.

    The client of this process, and of those that it starts, signs in as ``pipeline``; every password is ``PASSWORD``.
    """
    port = find_free_ports()
    settings = TrackingSettings(
        mlflow_backend_store_uri=f"sqlite:///{mlflow_home}/mlflow.db",
        s3_endpoint=seaweedfs,
        s3_access_key=KEYS[0],
        s3_secret_key=KEYS[1],
        s3_region="us-east-1",
        **{f"mlflow_{name}_password": PASSWORD for name in ACCOUNTS},
    )
    start = Start(command=server_command(port), environment=server_environment(settings))
    with running(alone("mlflow", start, port), mlflow_home), pytest.MonkeyPatch.context() as patch:
        for variable, value in zip(CLIENT_ACCOUNT, ("pipeline", PASSWORD), strict=True):
            patch.setenv(variable, value)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def split_cohort() -> Callable[[int, int], pd.DataFrame]:
    """``split_cohort(rows, seed)``: a clean synthetic cohort with the column ``split``."""

    @cache
    def make(rows: int, seed: int) -> pd.DataFrame:
        raw = pd.DataFrame(cohort(rows, seed)).rename(columns=NAME_OF_RAW)
        frame = clean(validate_raw(raw)).frame
        return frame.assign(split=frame["patient_nbr"].map(patient_split))

    return lambda rows, seed: make(rows, seed).copy()
