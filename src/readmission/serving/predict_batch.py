"""``POST /predict_batch``: the risks of many encounters in one request, in the order of the request."""

import asyncio
from concurrent.futures import Executor
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from readmission.adapters.database import PredictionRecord
from readmission.http_contract import CSV, JSON, PARQUET
from readmission.serving.answers import complete, record, score
from readmission.serving.batch_encoding import Problems, encode_batch
from readmission.serving.batch_formats import Batch, read_batch
from readmission.serving.encounter import Encounter
from readmission.serving.live_model import LiveModels
from readmission.serving.memory import MemoryReturn
from readmission.serving.openapi import DirectRoute, batch_body, problems
from readmission.serving.predict import Predicting
from readmission.serving.request_body import media_type, read_body
from readmission.serving.responses import (
    Answer,
    HorizonField,
    ModelFacts,
    RefusedField,
    RowRisk,
    Score,
)


class HorizonFacts(ModelFacts):
    """The model of one horizon."""

    horizon: HorizonField


class BatchScore(Score):
    """The prediction for one row of a batch."""

    index: int = Field(description="Position of the encounter in the request, from 0.")
    risks: list[RowRisk] = Field(description="The risk for each horizon, in the order of the batch's ``risks``.")


class BatchRefusal(Answer):
    """A row that was not predicted."""

    index: int
    errors: list[RefusedField]


class BatchPrediction(ModelFacts):
    """The response to a batch. ``predictions`` has one entry for each row, in the order of the request."""

    rows: int
    predicted: int
    refused: int
    risks: list[HorizonFacts] = Field(description="The model of each horizon, the primary first.")
    predictions: list[BatchScore | BatchRefusal]


def predict_batch_router(predicting: Predicting, executor: Executor) -> APIRouter:
    """The route. ``executor`` limits how many batches a worker handles at a time, and so its memory."""
    router = APIRouter(route_class=DirectRoute, tags=["prediction"])
    memory = MemoryReturn(executor)

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
        memory.after_batch()
        return Response(answer, media_type=JSON)

    return router


def answer_batch(predicting: Predicting, body: bytes, found: str) -> tuple[bytes, list[PredictionRecord]]:
    """Predict a batch. Returns the response as JSON and the records for the log (none without a log).

    ``found`` is the media type of ``body``. Raises what ``read_batch`` raises, and :class:`ModelNotLoaded`.
    """
    batch = read_batch(body, found, predicting.max_batch_rows)
    matrix, refused = encode_batch(batch)
    models = predicting.slots.current()
    scored = _scores(models, matrix, refused)
    predicting.metrics.predicted(models, list(scored.values()))
    predicting.metrics.refused_rows.inc(len(refused))
    records = _records(models, batch, scored) if predicting.log is not None else []
    return to_json(_answer(models, batch.rows, scored, refused)), records


def _scores(models: LiveModels, matrix: np.ndarray, refused: Problems) -> dict[int, dict[str, Any]]:
    rows = [row for row in range(len(matrix)) if row not in refused]
    if not rows:
        return {}
    return dict(zip(rows, score(models, matrix[rows] if refused else matrix), strict=True))


def _records(models: LiveModels, batch: Batch, scored: dict[int, dict[str, Any]]) -> list[PredictionRecord]:
    encounters = [dict(zip(batch.values, row, strict=True)) for row in zip(*batch.values.values(), strict=True)]
    return [record(complete(models, found), encounters[row], "predict_batch") for row, found in scored.items()]


def _answer(models: LiveModels, rows: int, scored: dict[int, dict[str, Any]], refused: Problems) -> dict[str, Any]:
    predictions = [{"index": row} | (scored[row] if row in scored else {"errors": refused[row]}) for row in range(rows)]
    counts = {"rows": rows, "predicted": len(scored), "refused": len(refused)}
    risks = [{"horizon": live.horizon} | live.facts for live in models]
    return counts | models[0].facts | {"risks": risks, "predictions": predictions}
