"""``POST /predict_batch``: up to some thousand encounters in one body, answered row by row in the caller's order."""

import asyncio
from concurrent.futures import Executor
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from readmission.adapters.database import PredictionRecord
from readmission.serving.batch_encoding import Problems, encode_batch
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import Encounter
from readmission.serving.live_model import LiveModel
from readmission.serving.openapi import DirectRoute, batch_body, problems
from readmission.serving.predict import Predicting, model_facts, record, score
from readmission.serving.request_body import CSV, JSON, PARQUET, media_type, read_body
from readmission.serving.responses import Answer, Calibrated, DataSource, Probability, RefusedField, Score


class BatchScore(Score):
    """A row that was predicted."""

    index: int = Field(description="Position of the encounter in the request, from 0.")


class BatchRefusal(Answer):
    """A row that was not predicted."""

    index: int
    errors: list[RefusedField]


class BatchPrediction(Answer):
    """The answers in the order of the request."""

    rows: int
    predicted: int
    refused: int
    threshold: Probability
    model_name: str
    model_version: str
    data_source: DataSource
    calibrated: Calibrated
    predictions: list[BatchScore | BatchRefusal]


def predict_batch_router(predicting: Predicting, executor: Executor) -> APIRouter:
    """The route; ``executor`` bounds how many batches a worker takes on at once, and so its memory."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])

    @router.post(
        "/predict_batch",
        summary="The risks of many encounters",
        responses={200: {"model": BatchPrediction}, **problems(400, 401, 413, 415, 422, 503)},
        openapi_extra=batch_body(Encounter, predicting.max_batch_rows),
    )
    async def predict_batch(request: Request) -> Response:
        predicting.keys.check(request)
        found = media_type(request, JSON, CSV, PARQUET)
        body = await read_body(request, predicting.max_body_bytes)
        loop = asyncio.get_running_loop()
        answer, records = await loop.run_in_executor(executor, answer_batch, predicting, body, found)
        if predicting.log is not None and records:
            await predicting.log.write(records)
        return Response(answer, media_type=JSON)

    return router


def answer_batch(predicting: Predicting, body: bytes, found: str) -> tuple[bytes, list[PredictionRecord]]:
    """The whole answer as JSON, and what is to be logged (nothing without a log)."""
    batch = read_batch(body, found, predicting.max_batch_rows)
    matrix, refused = encode_batch(batch)
    live = predicting.slot.current()
    scores = _scores(live, matrix, refused)
    predicting.metrics.predicted(live, [row["probability"] for row in scores.values()])
    predicting.metrics.refused_rows.inc(len(refused))
    records = _records(live, batch, scores) if predicting.log is not None else []
    return to_json(_answer(live, batch.rows, scores, refused)), records


def _scores(live: LiveModel, matrix: np.ndarray, refused: Problems) -> dict[int, dict[str, Any]]:
    rows = [row for row in range(len(matrix)) if row not in refused]
    if not rows:
        return {}
    probabilities = live.probabilities(matrix[rows] if refused else matrix)
    return {row: score(live, probability) for row, probability in zip(rows, probabilities, strict=True)}


def _records(live: LiveModel, batch: Batch, scores: dict[int, dict[str, Any]]) -> list[PredictionRecord]:
    encounters = [dict(zip(batch.values, row, strict=True)) for row in zip(*batch.values.values(), strict=True)]
    return [record(live, scored, encounters[row], "predict_batch") for row, scored in scores.items()]


def _answer(live: LiveModel, rows: int, scores: dict[int, dict[str, Any]], refused: Problems) -> dict[str, Any]:
    predictions = [{"index": row} | (scores[row] if row in scores else {"errors": refused[row]}) for row in range(rows)]
    counts = {"rows": rows, "predicted": len(scores), "refused": len(refused)}
    return counts | model_facts(live) | {"predictions": predictions}
