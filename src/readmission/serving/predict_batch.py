"""``POST /predict_batch``: the risks of many encounters in one request, in the order of the request."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import Field

from readmission.http_contract import CSV, JSON, PARQUET
from readmission.prediction.batch_answer import BatchForm, Scored
from readmission.prediction.batch_scoring import BatchScorer
from readmission.prediction.place import Place
from readmission.serving.batch_encoding import encode_batch
from readmission.serving.batch_features import given_features
from readmission.serving.batch_formats import read_batch
from readmission.serving.encounter import Encounter
from readmission.serving.live_model import LiveModels
from readmission.serving.memory import MemoryReturn
from readmission.serving.openapi import DirectRoute, batch_body, problems
from readmission.serving.parquet_process import ParquetProcess
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

# batches in a worker: one is predicted, the others arrive or wait for it
PLACES = 3

T = TypeVar("T")


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


class Batches:
    """The places of a worker for batches, the thread that predicts one at a time, and the reader of Parquet."""

    def __init__(self, places: int = PLACES) -> None:
        self.place = Place(places, "batches")
        self.parquet = ParquetProcess()
        # one at a time: each may need some hundred megabytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self.memory = MemoryReturn(self._thread)
        self._scorer: tuple[LiveModels, BatchScorer, BatchForm] | None = None

    async def run(self, held: ExitStack, work: Callable[[], T]) -> T:
        """Do the work when its turn comes. ``held`` is closed when it is done, also if the caller has gone by then."""
        job = self._thread.submit(work)
        release = held.pop_all()
        job.add_done_callback(lambda _: release.close())
        return await asyncio.wrap_future(job)

    def prepared(self, models: LiveModels) -> tuple[BatchScorer, BatchForm]:
        """What predicts with these models; kept until the models change."""
        if self._scorer is None or self._scorer[0] != models:
            form = BatchForm([(live.version, live.metadata) for live in models])
            self._scorer = models, BatchScorer([live.model for live in models]), form
        return self._scorer[1:]

    def close(self) -> None:
        """Start no other batch, and end the reader of Parquet; a batch that is being read then is refused."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.parquet.close()


def predict_batch_router(predicting: Predicting, batches: Batches) -> APIRouter:
    """The route. A batch takes one of the places before its body is read, so their number bounds the memory."""
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
        with ExitStack() as held:
            held.enter_context(batches.place)
            body = await read_body(request, predicting.max_body_bytes)
            try:
                answer = await batches.run(held, lambda: answer_batch(predicting, batches, body, found))
            finally:
                # also when refused: a hostile batch must not leave a large worker behind
                batches.memory.after_batch()
        return Response(answer, media_type=JSON)

    return router


def answer_batch(predicting: Predicting, batches: Batches, body: bytes, found: str) -> bytes:
    """Predict a batch, and log it if there is a log. Returns the response as JSON.

    ``found`` is the media type of ``body``. Raises what ``read_batch`` raises, and :class:`ModelNotLoaded`.
    """
    batch = read_batch(body, found, predicting.max_batch_rows, batches.parquet.read)
    numbers, refused = encode_batch(batch)
    models = predicting.slots.current()
    scorer, form = batches.prepared(models)
    rows = [row for row in range(batch.rows) if row not in refused] if refused else list(range(batch.rows))
    probabilities = scorer.probabilities(numbers[rows]) if rows else np.empty((len(models), 0), np.float32)
    for live, of_model in zip(models, probabilities, strict=True):
        predicting.metrics.predicted_many(live, of_model)
    predicting.metrics.refused_rows.inc(len(refused))
    features = given_features(batch, rows) if predicting.log is not None and rows else None
    answer, events = form.render(batch.rows, Scored(rows, probabilities, features), refused)
    if predicting.log is not None and events:
        predicting.log.append_many(events)
    return answer
