"""Task 2: copy every published batch that no pipeline run has finished to the landing bucket, the oldest first."""

from collections.abc import Mapping

from readmission.adapters.data_api import DataApi, Manifest, PublishedBatch
from readmission.adapters.database import InferenceDatabase, PromotionRecord, RawDatabase, StoredBatch
from readmission.adapters.object_store import LANDING, ObjectStore
from readmission.domain.horizon import HorizonName
from readmission.errors import NothingToDo, SourceChanged
from readmission.log import get_logger
from readmission.pipeline.references import BatchRef

log = get_logger(__name__)

# the ledger's actions of the gate
DECISIONS = ("promote", "reject")


def fetch_data_from_api(
    pipeline_run_id: str,
    *,
    data_api: DataApi,
    raw: RawDatabase,
    store: ObjectStore,
    inference: InferenceDatabase,
    registered_models: Mapping[HorizonName, str],
) -> list[BatchRef]:
    """Copy the batches of this run to the landing bucket; returns references to them.

    A batch belongs to this run when no run has finished it, or when this run did and was cleared. Without such a batch
    the newest one is taken again if a horizon is new, that is, if the gate has never decided on a model of it. (In an
    earlier release, a model of another horizon may have had its name.) Raises :class:`NothingToDo` when there is no
    batch to take, and :class:`SourceChanged` when the data API has another source or other batches than those stored.
    """
    manifest = data_api.manifest()
    stored = {batch.batch_number: batch for batch in raw.batches()}
    _check_same_source(manifest, stored)
    refs = {number: _stored_ref(batch) for number, batch in stored.items()}
    refs |= {batch.batch_number: _published_ref(batch, manifest.source) for batch in manifest.batches}
    finished = {number for number, batch in stored.items() if batch.pipeline_run_id not in (None, pipeline_run_id)}
    pending = [refs[number] for number in sorted(refs.keys() - finished)]
    if not pending and refs and (new := _new_horizons(registered_models, inference)):
        log.info("a horizon is new: the newest batch is taken again", horizons=new, batch=max(refs))
        pending = [refs[max(refs)]]
    if not pending:
        following = f"the next one comes at {manifest.next_batch_at}" if manifest.next_batch_at else "no more will come"
        raise NothingToDo(
            f"no new data: {manifest.published} of {manifest.total_batches} batches are published and all are stored; "
            f"{following}"
        )
    for ref in pending:
        _land(ref, data_api, store)
    return pending


def _new_horizons(registered_models: Mapping[HorizonName, str], inference: InferenceDatabase) -> list[HorizonName]:
    return [
        horizon
        for horizon, model in registered_models.items()
        if not any(_is_about(horizon, row) for row in inference.promotions(model, DECISIONS))
    ]


def _is_about(horizon: HorizonName, decision: PromotionRecord) -> bool:
    # the ledger of earlier releases calls the horizon "target"
    return bool(horizon == decision.evidence.get("horizon", decision.evidence.get("target", horizon)))


def _check_same_source(manifest: Manifest, stored: dict[int, StoredBatch]) -> None:
    sources = {batch.source for batch in stored.values()} - {manifest.source}
    if sources:
        raise SourceChanged(
            f"the data API hands out {manifest.source} data, but {', '.join(sorted(sources))} data is stored: "
            "the two must not be mixed (see docs/runbook.md)"
        )
    for batch in manifest.batches:
        known = stored.get(batch.batch_number)
        if known and known.sha256 != batch.sha256:
            raise SourceChanged(f"batch {batch.batch_number} is stored with other content than is published now")


def _stored_ref(batch: StoredBatch) -> BatchRef:
    return BatchRef(
        batch_number=batch.batch_number, sha256=batch.sha256, rows=batch.rows, key=batch.key, source=batch.source
    )


def _published_ref(batch: PublishedBatch, source: str) -> BatchRef:
    key = f"{source}/batch-{batch.batch_number:05d}-{batch.sha256[:16]}.parquet"
    return BatchRef(batch_number=batch.batch_number, sha256=batch.sha256, rows=batch.rows, key=key, source=source)


def _land(ref: BatchRef, data_api: DataApi, store: ObjectStore) -> None:
    if store.exists(LANDING, ref["key"]):
        log.info("batch is in the landing bucket already", batch=ref["batch_number"])
        return
    store.put(LANDING, ref["key"], data_api.fetch_batch(ref["batch_number"], ref["sha256"]))
    log.info("batch landed", batch=ref["batch_number"], rows=ref["rows"])
