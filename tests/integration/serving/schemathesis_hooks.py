"""What Schemathesis cannot learn from the OpenAPI document: tables, and rules that JSON Schema cannot say."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import schemathesis
from hypothesis import strategies as st

from readmission.domain.example import EXAMPLE
from readmission.domain.medication import DERIVED
from readmission.domain.schema import FEATURES
from readmission.http_contract import CSV, PARQUET

REQUIRED = [column.name for column in FEATURES if column.required]
ROWS = [
    EXAMPLE,
    {name: EXAMPLE[name] for name in REQUIRED},
    EXAMPLE | {"race": None, "diag_1": "E885"},
    # a bad row is answered with its errors
    EXAMPLE | {"time_in_hospital": 99},
]
UUID_LENGTH = 36


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(EXAMPLE))
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict.fromkeys(EXAMPLE) | row for row in rows]), file)
    return file.getvalue()


rows = st.lists(st.sampled_from(ROWS), min_size=1, max_size=4)
schemathesis.openapi.media_type(CSV, rows.map(_csv))
schemathesis.openapi.media_type(PARQUET, rows.map(_parquet))


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Take the CSV example away: beside a strategy, Schemathesis takes no example in text."""
    del raw_schema["paths"]["/predict_batch"]["post"]["requestBody"]["content"][CSV]["example"]


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    """Make a body that the document calls valid keep the rules that only its descriptions say."""
    if not isinstance(case.body, dict) or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.operation.path in ("/predict", "/explain"):
        # the drugs determine these
        case.body = {name: value for name, value in case.body.items() if name not in DERIVED}
    if case.operation.path == "/outcomes" and len(case.body.get("prediction_id", "")) == UUID_LENGTH:
        # a prediction of today has no outcome of another day yet
        days = {"days_until_readmission": 0, "not_readmitted_by": datetime.now(UTC).date().isoformat()}
        case.body |= {name: day for name, day in days.items() if case.body.get(name) is not None}
