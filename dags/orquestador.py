"""# mlops_diabetes_pipeline

Takes every batch that the data API has published since the last finished run and carries it to a served model.

| # | Task | Leaves behind |
|---|---|---|
| 1 | `check_ec2_status` | a data API that answers, its EC2 instance woken; **skips the run outside the schedule** |
| 2 | `fetch_data_from_api` | each new batch in the `landing` bucket; **skips the run when there is none** |
| 3 | `store_raw_data_mysql` | rows in `raw_data_db.diabetes_raw` and `batches` |
| 4 | `clean_and_transform_data` | `clean/` in the `datasets` bucket |
| 5 | `store_clean_data_mysql` | rows in `clean_data_db.diabetes_clean` |
| 6 | `create_train_val_test_split` | their `split`, by patient |
| 7 | `upload_processed_data_minio` | `<digest>/{train,validation,test}.parquet` in `datasets` |
| 8 | `train_ml_models` (one per candidate) | an MLflow run each |
| 9 | `register_best_model` | a version of `diabetes_classifier` |
| 10 | `promote_to_production` | the gate's decision in `inference_db.promotions`; perhaps the alias `production` |
| 11 | `signal_services_ready` | the batches marked as processed; the inference API on the production version |

**Every task may be run again at any time**, alone or with the whole run: the same rows, objects, runs and versions.

## When something is red

- `check_ec2_status`: the data API is down; start it. The next run takes all that was published meanwhile.
  `Unauthorized`, `NotFound`: the AWS side, see `aws/README.md`. Timed out: the instance runs, its API does not answer.
- `fetch_data_from_api`, `SourceChanged`: the API hands out other data than is stored. Do not mix: see the runbook.
- `store_raw_data_mysql`, `InvalidBatch`: the batch breaks the raw contract; the log names the columns.
- `train_ml_models`: one candidate failed; clear that task instance, the others keep their result.
- `register_best_model`, `InvalidModel`: the ONNX export differs from the pipeline; nothing was registered.
- `promote_to_production` is green although nothing was promoted: the reason is in its log and in the ledger.
- `signal_services_ready`: the model is promoted, the inference API is not there yet; it follows by itself.
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
    settings = PipelineSettings()
    # rescheduled between two looks: a waiting run holds no worker slot
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
        step("train_ml_models", max_active_tis_per_dagrun=2)
        .partial(dataset=dataset)
        .expand(candidate=list(CANDIDATE_NAMES))
    )
    registered = step("register_best_model")(trained, dataset)
    promotion = step("promote_to_production")(registered, dataset)
    step("signal_services_ready")(promotion, batches)

    available >> batches


mlops_diabetes_pipeline()
