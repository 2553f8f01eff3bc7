import asyncio
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readmission.serving.encounter import EXAMPLE
from readmission.serving.predict_batch import PLACES

CSV, PARQUET = {"Content-Type": "text/csv"}, {"Content-Type": "application/vnd.apache.parquet"}


def csv_of(*rows: dict[str, object]) -> str:
    names = list(rows[0])
    return "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)])


def parquet_of(*rows: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer)
    return buffer.getvalue()


def approximately(probability: float) -> object:
    return pytest.approx(probability, abs=1e-5)


def probabilities_of(scored: dict[str, Any]) -> dict[str, float]:
    return {risk["horizon"]: risk["probability"] for risk in scored["risks"]}


ROWS = [EXAMPLE | {"number_inpatient": stays} for stays in (0, 3, 1)]


def test_answers_come_in_the_order_of_the_rows(client):
    answer = client.post("/predict_batch", json=ROWS).json()

    probabilities = [row["probability"] for row in answer["predictions"]]
    assert probabilities == pytest.approx([0.5, 0.81757, 0.62246], abs=1e-5)
    assert [row["index"] for row in answer["predictions"]] == [0, 1, 2]
    assert (answer["rows"], answer["predicted"], answer["refused"]) == (3, 3, 0)
    assert answer["data_source"] == "synthetic"


def test_each_row_has_the_risk_of_each_horizon_and_the_batch_says_each_model_once(client):
    answer = client.post("/predict_batch", json=ROWS).json()

    facts = {"threshold": 0.5, "calibrated": True, "data_source": "synthetic", "model_version": "1"}
    assert answer["risks"] == [
        facts | {"horizon": "any", "model_name": "diabetes_classifier"},
        facts | {"horizon": "within_30_days", "model_name": "diabetes_classifier_30d"},
    ]
    assert answer["predictions"][1]["risks"] == [
        {"horizon": "any", "probability": approximately(0.81757), "prediction": 1, "risk_band": "high"},
        {"horizon": "within_30_days", "probability": approximately(0.62246), "prediction": 1, "risk_band": "high"},
    ]


def test_a_secondary_horizon_without_a_model_is_left_out_of_every_row(start, registry_30d):
    registry_30d.withdraw()

    answer = start().post("/predict_batch", json=[*ROWS, {}]).json()

    assert [risk["horizon"] for risk in answer["risks"]] == ["any"]
    assert [[risk["horizon"] for risk in row["risks"]] for row in answer["predictions"][:3]] == [["any"]] * 3
    assert "risks" not in answer["predictions"][3]


def test_the_three_formats_and_the_single_route_agree(client):
    answers = [
        client.post("/predict_batch", json=ROWS),
        client.post("/predict_batch", content=csv_of(*ROWS), headers=CSV),
        client.post("/predict_batch", content=parquet_of(*ROWS), headers=PARQUET),
    ]

    one_by_one = [probabilities_of(client.post("/predict", json=row).json()) for row in ROWS]
    for answer in answers:
        assert [probabilities_of(row) for row in answer.json()["predictions"]] == one_by_one


def test_bad_rows_are_told_one_by_one_among_the_good_ones(client):
    answer = client.post("/predict_batch", json=[EXAMPLE, EXAMPLE | {"age": "x"}, 3, EXAMPLE]).json()

    assert (answer["predicted"], answer["refused"]) == (2, 2)
    assert [sorted(row) for row in answer["predictions"][1:3]] == [["errors", "index"]] * 2
    assert answer["predictions"][1]["errors"][0]["field"] == "age"
    assert answer["predictions"][3]["risk_band"] == "high"


def test_a_batch_of_bad_rows_only_is_answered(client):
    answer = client.post("/predict_batch", json=[{}, None])

    assert answer.status_code == 200
    assert answer.json()["predicted"] == 0


def test_predicted_rows_are_logged_with_their_values(start, database, logged):
    client = start(database=database)

    answer = client.post("/predict_batch", content=csv_of(ROWS[0], EXAMPLE | {"age": "x"}, ROWS[1]), headers=CSV).json()

    rows = {row["prediction_id"]: row["features"]["number_inpatient"] for row in logged()}
    scored = [row["prediction_id"] for row in answer["predictions"] if "prediction_id" in row]
    assert rows == dict(zip(scored, (0, 3), strict=True))
    assert {row["source"] for row in logged()} == {"predict_batch"}
    models = {(risk["model_name"], risk["model_version"]) for row in logged() for risk in row["risks"]}
    assert models == {("diabetes_classifier", "1"), ("diabetes_classifier_30d", "1")}


@pytest.mark.parametrize(("rows", "status"), [(0, 422), (1, 200), (10_000, 200), (10_001, 413)])
def test_the_number_of_rows_is_bounded(client, rows, status):
    names = list(EXAMPLE)
    content = "\n".join([",".join(names), *[",".join(map(str, EXAMPLE.values()))] * rows])

    assert client.post("/predict_batch", content=content, headers=CSV).status_code == status


def test_10001_rows_of_json_are_too_many(client):
    assert client.post("/predict_batch", json=[{}] * 10_001).status_code == 413


@pytest.mark.parametrize("media_type", ["application/xml", "multipart/form-data", "application/x-parquet"])
def test_another_content_type_is_415_and_told_the_three(client, media_type):
    answer = client.post("/predict_batch", content=b"x", headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert "text/csv" in answer.json()["detail"]


def test_refused_rows_are_counted(client):
    client.post("/predict_batch", json=[EXAMPLE, {}, {}])

    assert "readmission_batch_rows_refused_total 2.0" in client.get("/metrics").text


def test_without_the_primary_model_the_answer_is_503(start, registry):
    registry.withdraw()

    assert start(ready=False).post("/predict_batch", json=[EXAMPLE]).status_code == 503


def test_with_keys_only_who_has_one_may_predict(start):
    assert start(api_keys="one").post("/predict_batch", json=[EXAMPLE]).status_code == 401


async def status_of(app: Any, body: asyncio.Future[bytes]) -> tuple[int, dict[bytes, bytes]]:
    """Send a batch whose body comes later."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict_batch", "headers": [], "query_string": b""}
    await app(scope | {"http_version": "1.1", "raw_path": b"", "root_path": "", "scheme": "http"}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


def test_without_a_place_a_batch_is_refused_before_its_body_arrives_and_later_there_is_one(client):
    async def scenario() -> None:
        body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        holding = [asyncio.create_task(status_of(client.app, body)) for _ in range(PLACES)]
        await asyncio.sleep(0.1)

        never = asyncio.get_running_loop().create_future()
        status, headers = await asyncio.wait_for(status_of(client.app, never), 20)
        assert (status, headers[b"retry-after"]) == (503, b"5")

        body.set_result(json.dumps(ROWS).encode())
        assert [status for status, _ in await asyncio.gather(*holding)] == [200] * PLACES
        assert (await status_of(client.app, body))[0] == 200

    asyncio.run(scenario())


def test_a_sender_that_goes_away_leaves_its_place(client):
    async def scenario() -> None:
        never = asyncio.get_running_loop().create_future()
        for _ in range(PLACES + 1):
            task = asyncio.create_task(status_of(client.app, never))
            await asyncio.sleep(0.05)
            task.cancel()
            never = asyncio.get_running_loop().create_future()
            await asyncio.gather(task, return_exceptions=True)

        body = asyncio.get_running_loop().create_future()
        body.set_result(json.dumps(ROWS).encode())
        assert (await status_of(client.app, body))[0] == 200

    asyncio.run(scenario())
