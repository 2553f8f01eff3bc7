"""Tasks 2 to 7 over a real data API, databases and S3 store: what they leave behind, and what repetition adds."""

import hashlib
import io
from typing import Any

import pandas as pd
import pytest

from readmission.adapters.data_api import DataApi
from readmission.adapters.database import CleanDatabase, InferenceDatabase, RawDatabase
from readmission.adapters.object_store import DATASETS, LANDING, ObjectStore
from readmission.domain.cohort import SPLITS, patient_split
from readmission.errors import InvalidBatch, NothingToDo
from readmission.pipeline.clean_and_transform_data import clean_and_transform_data
from readmission.pipeline.create_train_val_test_split import create_train_val_test_split
from readmission.pipeline.fetch_data_from_api import fetch_data_from_api
from readmission.pipeline.references import BatchRef, DatasetRef
from readmission.pipeline.store_clean_data_mysql import store_clean_data_mysql
from readmission.pipeline.store_raw_data_mysql import store_raw_data_mysql
from readmission.pipeline.upload_processed_data_minio import upload_processed_data_minio


class Platform:
    """The collaborators of the data tasks, and the tasks in the DAG's order."""

    def __init__(
        self, api: DataApi, raw: RawDatabase, clean: CleanDatabase, store: ObjectStore, inference: InferenceDatabase
    ) -> None:
        self.api, self.raw, self.clean, self.store, self.inference = api, raw, clean, store, inference

    def fetch(self, run: str = "run") -> list[BatchRef]:
        # without a horizon, none is new
        return fetch_data_from_api(
            run, data_api=self.api, raw=self.raw, store=self.store, inference=self.inference, registered_models={}
        )

    def run(self, run: str = "run", *, times: int = 1) -> DatasetRef:
        """The run with each task executed ``times`` times, marked as finished at its end."""

        def task(function: Any, *args: Any, **collaborators: Any) -> Any:
            return [function(*args, **collaborators) for _ in range(times)][-1]

        batches = task(self.fetch, run)
        stored = task(store_raw_data_mysql, batches, store=self.store, raw=self.raw)
        cleaned = task(clean_and_transform_data, stored, raw=self.raw, store=self.store)
        kept = task(store_clean_data_mysql, cleaned, store=self.store, clean=self.clean)
        divided = task(create_train_val_test_split, kept, clean=self.clean)
        dataset: DatasetRef = task(
            upload_processed_data_minio, divided, raw=self.raw, clean=self.clean, store=self.store
        )
        self.raw.mark_processed(kept, run)
        return dataset

    def rows(self) -> dict[str, pd.DataFrame]:
        return {split: self.clean.read_split(split) for split in SPLITS}


@pytest.fixture
def platform(
    source: Any, raw: RawDatabase, clean: CleanDatabase, object_store: ObjectStore, inference: InferenceDatabase
) -> Platform:
    return Platform(source.client, raw, clean, object_store, inference)


def test_a_run_carries_a_batch_from_the_data_api_to_a_frozen_dataset(platform):
    dataset = platform.run()

    files = {split: platform.store.get_frame(DATASETS, f"{dataset['digest']}/{split}.parquet") for split in SPLITS}
    assert {split: len(frame) for split, frame in files.items()} == dataset["rows"]
    assert sum(dataset["rows"].values()) == sum(len(frame) for frame in platform.rows().values())
    assert dataset["batch_numbers"] == [1]
    assert dataset["source"] == "synthetic"


def test_the_landing_bucket_holds_a_batch_as_it_was_received(platform):
    (ref,) = platform.fetch()

    assert hashlib.sha256(platform.store.get(LANDING, ref["key"])).hexdigest() == ref["sha256"]


def test_a_patient_is_in_the_split_of_their_number_and_in_no_other(platform):
    platform.run()

    for split, frame in platform.rows().items():
        assert {patient_split(int(patient)) for patient in frame["patient_nbr"]} == {split}


def test_running_each_task_twice_leaves_the_same_rows_and_objects(platform):
    once = platform.run()
    rows_once, keys_once = platform.rows(), set(platform.store.keys(DATASETS))

    twice = platform.run(times=2)

    assert twice == once
    assert set(platform.store.keys(DATASETS)) == keys_once
    for split in SPLITS:
        pd.testing.assert_frame_equal(platform.rows()[split], rows_once[split])


def test_a_second_run_without_new_data_has_nothing_to_do(platform):
    platform.run("first")

    with pytest.raises(NothingToDo, match="1 of 2 batches"):
        platform.run("second")


def test_the_next_run_takes_only_the_new_batch_and_trains_on_both(platform, source):
    platform.run("first")
    source.publish_all()

    taken = platform.fetch("second")
    dataset = platform.run("second")

    assert [ref["batch_number"] for ref in taken] == [2]
    assert dataset["batch_numbers"] == [1, 2]


def test_an_older_run_that_goes_again_finds_the_dataset_that_it_had(platform, source):
    first = platform.run("first")
    source.publish_all()
    platform.run("second")

    assert platform.run("first") == first


def test_a_patient_of_an_earlier_batch_keeps_their_split_in_a_later_one(platform, source):
    platform.run("first")
    before = {patient: split for split, frame in platform.rows().items() for patient in frame["patient_nbr"]}
    source.publish_all()

    platform.run("second")

    after = {patient: split for split, frame in platform.rows().items() for patient in frame["patient_nbr"]}
    assert before.items() <= after.items()


@pytest.mark.parametrize("reached", ["fetch", "raw", "clean", "split"])
def test_a_run_that_died_half_way_is_taken_up_by_the_next_one(platform, reached):
    batches = platform.fetch("died")
    if reached != "fetch":
        stored = store_raw_data_mysql(batches, store=platform.store, raw=platform.raw)
    if reached in ("clean", "split"):
        cleaned = clean_and_transform_data(stored, raw=platform.raw, store=platform.store)
        store_clean_data_mysql(cleaned, store=platform.store, clean=platform.clean)
    if reached == "split":
        create_train_val_test_split(stored, clean=platform.clean)

    dataset = platform.run("next")

    assert dataset["batch_numbers"] == [1]
    assert len(platform.raw.read_batch(1)) == batches[0]["rows"]


def test_a_landed_batch_that_was_altered_is_not_stored(platform):
    (ref,) = platform.fetch()
    altered = pd.read_parquet(io.BytesIO(platform.store.get(LANDING, ref["key"])))
    platform.store.put_frame(LANDING, f"altered/{ref['key']}", altered.assign(readmitted="NO"))

    with pytest.raises(InvalidBatch, match="not the one that was published"):
        store_raw_data_mysql([ref | {"key": f"altered/{ref['key']}"}], store=platform.store, raw=platform.raw)

    assert platform.raw.batches() == []
