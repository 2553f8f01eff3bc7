"""# mlops_diabetes_pipeline

Takes every batch that no finished run has processed, trains the candidates on all data for each horizon of `HORIZONS`,
and serves the best model of each horizon if the gate promotes it.

| # | Task | Result |
|---|---|---|
| 1 | `check_ec2_status` | a data API that answers, its EC2 instance started; **skips the run outside the schedule** |
| 2 | `fetch_data_from_api` | new batches in `landing`; for a new horizon the newest one again; **else skips the run** |
| 3 | `store_raw_data_mysql` | rows in `raw_data_db.diabetes_raw` and `batches` |
| 4 | `clean_and_transform_data` | `clean/` in the `datasets` bucket |
| 5 | `store_clean_data_mysql` | rows in `clean_data_db.diabetes_clean` |
| 6 | `create_train_val_test_split` | their `split`, by patient |
| 7 | `upload_processed_data_minio` | `<digest>/{train,validation,test}.parquet` in `datasets` |
| 8 | `train_ml_models` (one per candidate and horizon) | an MLflow run each |
| 9 | `register_best_model` (one per horizon) | a version of `diabetes_classifier` or `diabetes_classifier_30d` |
| 10 | `promote_to_production` (one per horizon) | the gate's decision in the ledger; perhaps the alias `production` |
| 11 | `signal_services_ready` | the batches marked as processed; the inference API serves the production versions |

**Every task can be run again at any time**, alone or with the whole run. It gives the same rows, objects, runs and
versions.

The ledger is the table `inference_db.promotions`.

**One horizon does not hold up the other.** When a task of one horizon fails, the other horizon is promoted and served
all the same. `signal_services_ready` then fails and marks no batch as processed: the run is red, and the next run takes
the batches again. To repair the run itself, clear the earliest failed task instance together with its downstream tasks;
what the other horizon has decided stays.

**The note of a run** has a line for each decision of the gate, and for each task that skipped the run or failed at
once, with the reason. A task that fails after its retries leaves no line; its log has the error.

## When a task fails

An error that no retry can mend fails its task at once: `InvalidModel`, `InvalidBatch`, `InvalidSource`, `InvalidInput`,
`NotEnoughData`, `SourceChanged`, `MissingSetting`, `Unauthorized`. Every other error is retried twice.

- Any task, `Unauthorized`: the named service refuses the pipeline's key or account. Correct the setting.

- `check_ec2_status`: the data API is down; start it. The next run takes all batches that were published meanwhile.
  `Unauthorized` or `NotFound`: a problem in AWS, see `aws/README.md`. Timeout: the instance runs, but the data API on
  it does not answer.
- `fetch_data_from_api`, `Unauthorized`: `DATA_API_READ_KEY` is not the data API's.
- `fetch_data_from_api`, `SourceChanged`: the data API serves other data than is stored. Do not mix the two: see the
  runbook.
- `store_raw_data_mysql`, `InvalidBatch`: the batch violates the raw contract; the log names the columns.
- `train_ml_models`: one candidate failed for one horizon; clear the task instance of that name, for instance
  `lightgbm within_30_days`. The others keep their results.
- `register_best_model`, `InvalidModel`: the text names the candidates that were not trained for this horizon (see
  `train_ml_models`), or the ONNX export differs from the pipeline. Nothing was registered.
- `promote_to_production` succeeds also when nothing is promoted: the reason is in its log and in the ledger.
  `InvalidModel`: nothing was registered for this horizon (see `register_best_model`), or the model file is not the one
  that was registered.
- `train_ml_models` and later, `InvalidModel`, "a task of an earlier release ...": the run was begun before an upgrade.
  Clear the whole run.
- `signal_services_ready`, `InvalidModel`: the gate has not decided on the horizon that the text names; see the red task
  of that horizon.
- `signal_services_ready`, any other error: the model is promoted, but the inference API does not serve it yet. It loads
  the model by itself.
"""

from datetime import timedelta

from airflow.sdk import TriggerRule, dag, task
from pendulum import datetime

from readmission.modeling.candidates import CANDIDATE_NAMES
from readmission.pipeline.tasks import airflow_task, step
from readmission.settings import PipelineSettings


@dag(
    dag_id="mlops_diabetes_pipeline",
    schedule="*/10 * * * *",
    start_date=datetime(2026, 1, 1, tz="America/Lima"),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "readmission",
        "retries": 2,
        "retry_delay": timedelta(seconds=15),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["readmission", "training"],
    doc_md=__doc__,
)
def mlops_diabetes_pipeline() -> None:
    """The order of the tasks and the references that they exchange."""
    settings = PipelineSettings()
    # the sensor is rescheduled between two pokes, so a waiting run holds no worker slot
    available = task.sensor(
        airflow_task("check_ec2_status"),
        mode="reschedule",
        poke_interval=settings.ec2_poll_seconds,
        timeout=settings.ec2_wait_seconds,
    )()
    batches = step("fetch_data_from_api")()
    stored = step("store_raw_data_mysql")(batches)
    cleaned = step("clean_and_transform_data")(stored)
    kept = step("store_clean_data_mysql")(cleaned)
    divided = step("create_train_val_test_split")(kept)
    dataset = step("upload_processed_data_minio")(divided)
    horizons = list(settings.horizons)
    trained = (
        step(
            "train_ml_models",
            max_active_tis_per_dagrun=2,
            map_index_template="{{ task.op_kwargs['candidate'] }} {{ task.op_kwargs['horizon'] }}",
        )
        .partial(dataset=dataset)
        .expand(candidate=list(CANDIDATE_NAMES), horizon=horizons)
    )
    # each of the last three has one upstream task only, so that it runs when something of that task is there, and
    # neither when all of it failed nor when the run is skipped
    each = {
        "trigger_rule": TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
        "map_index_template": "{{ task.op_kwargs['horizon'] }}",
    }
    registered = step("register_best_model", **each).partial(trained=trained).expand(horizon=horizons)
    promotions = step("promote_to_production", **each).partial(registered=registered).expand(horizon=horizons)
    step("signal_services_ready", trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)(promotions)

    available >> batches


mlops_diabetes_pipeline()
