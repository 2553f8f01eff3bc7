"""The contract of the data API, route by route."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet
import pytest
from pydantic import SecretStr

from readmission.data_api.app import create_app
from readmission.data_api.publication import Publication
from readmission.http_contract import PARQUET

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "a key for tests"
READ_KEY = "another key for tests"


class Clock:
    now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(store, tmp_path, clock):
    """Two of three batches are published."""
    publication = Publication(tmp_path, store.digest, store.total, 300, clock)
    clock.now += timedelta(seconds=300)
    return create_app(store, publication, api_key=SecretStr(KEY)).test_client()


def _problem(response):
    assert response.content_type == "application/problem+json"
    document = json.loads(response.data)
    assert {"type", "title", "status", "detail"} <= set(document)
    assert document["status"] == response.status_code
    return document


def test_the_manifest_tells_what_is_published(client, store):
    manifest = client.get("/batches").json

    assert manifest == {
        "total_batches": 3,
        "published": 2,
        "exhausted": False,
        "next_batch_at": "2026-11-23T12:10:00+00:00",
        "source": "file",
        "batches": [
            {"batch_number": 1, "rows": 100, "sha256": store.batch(1).sha256},
            {"batch_number": 2, "rows": 100, "sha256": store.batch(2).sha256},
        ],
    }


def test_without_a_number_the_newest_published_batch_is_handed_out(client):
    assert client.get("/get_data").json["batch_number"] == 2


def test_a_batch_is_handed_out_by_its_number_every_time_the_same(client):
    bodies = {client.get("/get_data?batch_number=1").data for _ in range(3)}

    assert len(bodies) == 1
    assert json.loads(bodies.pop())["batch_number"] == 1


def test_json_is_gzipped_when_accepted(client):
    plain = client.get("/get_data?batch_number=1")

    zipped = client.get("/get_data?batch_number=1", headers={"Accept-Encoding": "gzip, br"})

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data


@pytest.mark.parametrize("encodings", ["", "identity", "br", "gzip;q=0", "identity, *;q=0"])
def test_json_is_plain_when_gzip_is_not_accepted(client, encodings):
    response = client.get("/get_data", headers={"Accept-Encoding": encodings})

    assert "Content-Encoding" not in response.headers
    assert response.json["batch_number"] == 2


def test_parquet_has_the_same_rows(client):
    rows = client.get("/get_data").json["data"]

    response = client.get("/get_data", headers={"Accept": PARQUET, "Accept-Encoding": "gzip"})

    assert response.content_type == PARQUET
    assert "Content-Encoding" not in response.headers
    assert pyarrow.parquet.read_table(pa.BufferReader(response.data)).to_pylist() == rows


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        (f"{PARQUET}, */*;q=0.1", PARQUET),
        (f"{PARQUET};q=0.5, application/json", "application/json"),
    ],
)
def test_the_callers_preference_decides_the_form(client, accept, expected):
    assert client.get("/get_data", headers={"Accept": accept}).content_type == expected


def test_a_form_that_there_is_not_gets_406(client):
    response = client.get("/get_data", headers={"Accept": "text/csv"})

    assert "application/json" in _problem(response)["detail"]
    assert response.status_code == 406


@pytest.mark.parametrize("accept", ["application/json", PARQUET])
def test_the_etag_is_the_batchs_sha256(client, store, accept):
    response = client.get("/get_data?batch_number=1", headers={"Accept": accept})

    assert response.headers["ETag"] == f'"{store.batch(1).sha256}"'
    assert response.headers["Vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', '"other", "{}"', '"other", W/"{}"', "*"])
def test_a_batch_that_the_caller_has_gets_304(client, store, form):
    sha256 = store.batch(2).sha256

    response = client.get("/get_data", headers={"If-None-Match": form.format(sha256)})

    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == f'"{sha256}"'


@pytest.mark.parametrize("tag", ['"other"', 'W/"other"', "", '"'])
def test_a_batch_that_the_caller_has_not_is_handed_out(client, tag):
    assert client.get("/get_data", headers={"If-None-Match": tag}).status_code == 200


def test_a_batch_number_that_is_none_gets_400(client):
    numbers = "0 -1 +1 1.0 1e1 abc  %201 1_0 0x1 nan %D9%A1 1;DROP %00 000".split(" ")

    responses = {number: client.get(f"/get_data?batch_number={number}") for number in numbers}

    assert [number for number, found in responses.items() if found.status_code != 400] == []
    assert [number for number, found in responses.items() if "batch_number" not in _problem(found)["detail"]] == []


@pytest.mark.parametrize("query", ["batch_number=1&batch_number=2", "batch=1", "batch_number=1&limit=5"])
def test_other_parameters_get_400(client, query):
    response = client.get(f"/get_data?{query}")

    assert _problem(response)["status"] == 400


def test_a_batch_not_yet_published_gets_404_with_its_time(client):
    response = client.get("/get_data?batch_number=3")

    assert _problem(response)["next_batch_at"] == "2026-11-23T12:10:00+00:00"
    assert response.status_code == 404


@pytest.mark.parametrize("number", ["4", "999999999", "9" * 5_000])
def test_a_batch_beyond_the_last_gets_404_without_a_time(client, number):
    response = client.get(f"/get_data?batch_number={number}")

    assert "next_batch_at" not in _problem(response)
    assert response.status_code == 404


def test_restarting_with_the_key_starts_over(client):
    response = client.post("/restart_data_generation", headers={"X-API-Key": KEY})

    assert (response.status_code, response.json["published"]) == (200, 1)
    assert client.get("/get_data").json["batch_number"] == 1


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": f"{KEY} "[:-2]}])
def test_restarting_without_the_key_is_refused(client, headers):
    response = client.post("/restart_data_generation", headers=headers)

    assert _problem(response)["status"] == 401
    assert response.headers["WWW-Authenticate"] == 'ApiKey realm="readmission"'
    assert client.get("/batches").json["published"] == 2


def test_restarting_is_forbidden_when_no_key_is_configured(store, tmp_path):
    client = create_app(store, Publication(tmp_path, store.digest, 3, 300)).test_client()

    response = client.post("/restart_data_generation", headers={"X-API-Key": "any"})

    assert "DATA_API_KEY" in _problem(response)["detail"]
    assert response.status_code == 403


def test_the_root_names_every_route(client):
    answer = client.get("/")

    served = {rule.rule for rule in client.application.url_map.iter_rules()} - {"/"}
    assert answer.status_code == 200
    assert set(answer.json) == {"name", "version", "links"}
    assert {"/get_data", "/batches", "/health"} <= served == set(answer.json["links"])


@pytest.fixture
def locked_client(store, tmp_path):
    """A data API that asks its readers for a key."""
    publication = Publication(tmp_path, store.digest, store.total, 0)
    keys = {"api_key": SecretStr(KEY), "read_key": SecretStr(READ_KEY)}
    return create_app(store, publication, **keys).test_client()


@pytest.mark.parametrize("path", ["/get_data", "/get_data?batch_number=1", "/batches"])
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}, {"X-API-Key": KEY}])
def test_encounters_are_not_read_without_the_read_key(locked_client, path, headers):
    response = locked_client.get(path, headers=headers)

    assert _problem(response)["status"] == 401
    assert "WWW-Authenticate" in response.headers


def test_a_known_etag_does_not_open_a_batch_without_the_read_key(locked_client, store):
    response = locked_client.get("/get_data?batch_number=1", headers={"If-None-Match": f'"{store.batch(1).sha256}"'})

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/get_data", "/batches"])
def test_encounters_are_read_with_the_read_key(locked_client, path):
    assert locked_client.get(path, headers={"X-API-Key": READ_KEY}).status_code == 200


def test_the_read_key_does_not_restart_the_publication(locked_client):
    response = locked_client.post("/restart_data_generation", headers={"X-API-Key": READ_KEY})

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_what_holds_no_encounters_needs_no_key(locked_client, path):
    assert locked_client.get(path).status_code == 200


def test_health_consumes_nothing(client):
    before = client.get("/batches").json

    assert client.get("/health").json == {"status": "ok", "source": "file"}
    assert client.get("/batches").json == before


def test_an_unknown_route_gets_a_problem(client):
    assert _problem(client.get("/nowhere"))["status"] == 404


def test_a_wrong_method_gets_a_problem_that_names_the_right_one(client):
    response = client.delete("/batches")

    assert _problem(response)["status"] == 405
    assert "GET" in response.headers["Allow"]


def test_an_unexpected_error_gets_a_problem_that_tells_nothing_of_it(client, tmp_path):
    for path in tmp_path.glob("batches/*/batch-00001.*"):
        path.unlink()

    response = client.get("/get_data?batch_number=1")

    assert _problem(response)["status"] == 500
    assert str(tmp_path) not in response.text


def test_metrics_count_requests_and_batches(client):
    client.get("/get_data", headers={"Accept": PARQUET})
    client.get("/get_data?batch_number=1")
    client.get("/nowhere")
    client.get("/health")

    lines = client.get("/metrics").text.splitlines()

    assert 'data_api_requests_total{method="GET",route="/get_data",status="200"} 2.0' in lines
    assert 'data_api_requests_total{method="GET",route="unknown",status="404"} 1.0' in lines
    assert 'data_api_batches_handed_out_total{representation="parquet"} 1.0' in lines
    assert "data_api_batches_published 2.0" in lines
    assert not any("/health" in line for line in lines)


def test_an_invented_method_makes_no_metric_of_its_own(client):
    client.open("/get_data", method="INVENTED")

    exposition = client.get("/metrics").text

    assert "INVENTED" not in exposition
    assert 'method="unknown"' in exposition


def test_two_applications_live_in_one_process(store, tmp_path):
    publication = Publication(tmp_path, store.digest, store.total, 0)

    clients = [create_app(store, publication).test_client() for _ in range(2)]

    assert [client.get("/health").status_code for client in clients] == [200, 200]
