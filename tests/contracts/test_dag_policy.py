"""What every DAG of this project must be, read from the DAG bag as Airflow reads it."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from readmission.errors import PermanentError

ROOT = Path(__file__).parents[2]
DAG_FILE = ROOT / "dags" / "orquestador.py"
TASKS = [
    "check_ec2_status",
    "fetch_data_from_api",
    "store_raw_data_mysql",
    "clean_and_transform_data",
    "store_clean_data_mysql",
    "create_train_val_test_split",
    "upload_processed_data_minio",
    "train_ml_models",
    "register_best_model",
    "promote_to_production",
    "signal_services_ready",
]
# mapped over the horizons
MODEL_TASKS = ["register_best_model", "promote_to_production"]
READ_BAG = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

def described(task):
    return {
        "upstream": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "backoff": float(task.retry_exponential_backoff),
        "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "owner": task.owner,
        "mapped": bool(task.is_mapped),
        "trigger_rule": task.trigger_rule.value,
        "names": getattr(task, "map_index_template", None),
    }

bag = DagBag(sys.argv[1])
print("BAG" + json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
            "schedule": str(dag.schedule),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tags": sorted(dag.tags),
            "doc_md": dag.doc_md or "",
            "tasks": {task.task_id: described(task) for task in dag.topological_sort()},
        }
        for dag in bag.dags.values()
    },
}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}

    # a process of its own: Airflow reads its home at import
    done = subprocess.run(
        [sys.executable, "-c", READ_BAG, str(DAG_FILE.parent)],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("BAG"))[3:])


@pytest.fixture(scope="module")
def dag(bag):
    return bag["dags"]["mlops_diabetes_pipeline"]


def test_the_dag_folder_holds_one_dag_and_imports_without_error(bag):
    assert bag["errors"] == {}
    assert list(bag["dags"]) == ["mlops_diabetes_pipeline"]


def test_it_runs_every_ten_minutes_one_run_at_a_time_and_without_the_past(dag):
    assert dag["schedule"] == "*/10 * * * *"
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1


def test_it_has_the_eleven_tasks_in_their_order(dag):
    assert list(dag["tasks"]) == TASKS


def test_a_task_waits_for_the_one_before(dag):
    pairs = zip(TASKS[1:], TASKS, strict=False)

    assert [task for task, before in pairs if before not in dag["tasks"][task]["upstream"]] == []


def test_the_model_tasks_are_mapped_and_their_instances_have_names(dag):
    mapped = [name for name, task in dag["tasks"].items() if task["mapped"]]

    assert mapped == ["train_ml_models", *MODEL_TASKS]
    assert [name for name in mapped if "horizon" not in dag["tasks"][name]["names"]] == []


def _against(dag, keeps_the_policy):
    """The tasks whose policy breaks a rule."""
    return [name for name, policy in dag["tasks"].items() if not keeps_the_policy(policy)]


def test_a_task_is_retried_twice_with_growing_pauses_and_ends_at_some_time(dag):
    assert _against(dag, lambda policy: policy["retries"] == 2) == []
    assert _against(dag, lambda policy: policy["backoff"] > 1) == []
    assert _against(dag, lambda policy: policy["timeout"] is not None) == []


def test_a_task_runs_only_when_all_before_it_succeeded_or_something_where_each_horizon_is_decided_by_itself(dag):
    others = [*MODEL_TASKS, "signal_services_ready"]

    assert _against(dag, lambda policy: policy["trigger_rule"] == "all_success") == others
    assert {dag["tasks"][name]["trigger_rule"] for name in others} == {"all_done_min_one_success"}


def test_a_task_that_runs_when_something_succeeded_waits_for_one_task_only(dag):
    # the success of a second task would start it although everything failed that it is about
    before = {name: TASKS[TASKS.index(name) - 1] for name in [*MODEL_TASKS, "signal_services_ready"]}

    assert {name: dag["tasks"][name]["upstream"] for name in before} == {name: [one] for name, one in before.items()}


def test_a_task_has_an_owner(dag):
    assert _against(dag, lambda policy: policy["owner"] not in ("", "airflow")) == []


def test_the_dag_has_tags(dag):
    assert dag["tags"]


def test_the_runbook_on_the_dag_names_every_task(dag):
    assert [task for task in TASKS if f"`{task}`" not in dag["doc_md"]] == []


def test_the_runbook_on_the_dag_names_every_error_that_no_retry_can_mend(dag):
    permanent = [error.__name__ for error in PermanentError.__subclasses__()]

    assert permanent
    assert [name for name in permanent if f"`{name}`" not in dag["doc_md"]] == []


def test_a_task_is_a_module_of_its_name():
    assert [task for task in TASKS if task not in _functions_of(task)] == []


def _functions_of(task):
    """The functions in the module of a task; none when the module is not there."""
    module = ROOT / "src" / "readmission" / "pipeline" / f"{task}.py"
    source = module.read_text(encoding="utf-8") if module.exists() else ""
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def test_the_dag_file_holds_no_logic():
    logic = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.ClassDef, ast.comprehension)
    tree = ast.parse(DAG_FILE.read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]

    assert functions == ["mlops_diabetes_pipeline"]
    assert [type(node).__name__ for node in ast.walk(tree) if isinstance(node, logic)] == []


def test_the_dag_file_imports_no_adapter_and_no_heavy_library():
    tree = ast.parse(DAG_FILE.read_text(encoding="utf-8"))
    froms = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    assert not {name for name in froms | plain if name.startswith("readmission.adapters")}
    assert (froms | plain).isdisjoint({"pandas", "sklearn", "mlflow", "sqlalchemy", "os"})
