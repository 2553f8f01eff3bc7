"""One registered model and one experiment for each test, in a real MLflow."""

import hashlib

import pytest
from mlflow import MlflowClient

from readmission.adapters.experiment import Experiment
from readmission.adapters.registry import ModelRegistry


@pytest.fixture
def name(request):
    """A name of this test's own that MLflow accepts."""
    return "m" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]


@pytest.fixture
def client(mlflow_server):
    return MlflowClient(mlflow_server)


@pytest.fixture
def registry(mlflow_server, name):
    return ModelRegistry(mlflow_server, name)


@pytest.fixture
def experiment(mlflow_server, name):
    return Experiment(mlflow_server, name, git_commit="c0ffee")


@pytest.fixture
def new_run(client, name):
    """``new_run()``: the id of a fresh MLflow run."""
    experiment_id = client.create_experiment(f"runs of {name}")
    return lambda: client.create_run(experiment_id).info.run_id
