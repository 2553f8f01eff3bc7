"""# mlops_diabetes_pipeline

Takes every batch that no finished run has processed, trains the candidates on all data, and serves the best model if
the gate promotes it.

| # | Task | Result |
|---|---|---|
| 1 | `check_ec2_status` | a data API that answers, its EC2 instance started; **skips the run outside the schedule** |
| 2 | `fetch_data_from_api` | each new batch in the `landing` bucket; **skips the run when there is none** |
| 3 | `store_raw_data_mysql` | rows in `raw_data_db.diabetes_raw` and `batches` |
| 4 | `clean_and_transform_data` | `clean/` in the `datasets` bucket |
| 5 | `store_clean_data_mysql` | rows in `clean_data_db.diabetes_clean` |
| 6 | `create_train_val_test_split` | their `split`, by patient |
| 7 | `upload_processed_data_minio` | `<digest>/{train,validation,test}.parquet` in `datasets` |
| 8 | `train_ml_models` (one per candidate) | an MLflow run each |
| 9 | `register_best_model` | a version of `diabetes_classifier` |
| 10 | `promote_to_production` | the gate's decision in `inference_db.promotions`; perhaps the alias `production` |
| 11 | `signal_services_ready` | the batches marked as processed; the inference API serves the production version |

**Every task can be run again at any time**, alone or with the whole run. It gives the same rows, objects, runs and
versions.

**The note of a run** says what the gate decided, or which task skipped the run or failed at once, and why. A task that
fails after its retries leaves no note; its log has the error.

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
- `train_ml_models`: one candidate failed; clear the task instance of its name. The other candidates keep their results.
- `register_best_model`, `InvalidModel`: the ONNX export differs from the pipeline; nothing was registered.
- `promote_to_production` succeeds also when nothing is promoted: the reason is in its log and in the ledger.
- `signal_services_ready`: the model is promoted, but the inference API does not serve it yet. It loads the model by
  itself.
"""

from datetime import timedelta

from airflow.sdk import dag, task
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
    trained = (
        step("train_ml_models", max_active_tis_per_dagrun=2, map_index_template="{{ task.op_kwargs['candidate'] }}")
        .partial(dataset=dataset)
        .expand(candidate=list(CANDIDATE_NAMES))
    )
    registered = step("register_best_model")(trained, dataset)
    promotion = step("promote_to_production")(registered, dataset)
    step("signal_services_ready")(promotion, batches)

    available >> batches


mlops_diabetes_pipeline()
