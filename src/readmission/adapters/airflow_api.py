"""A client of Airflow's REST API (v2), with the calls that the native run and the pipeline's notes need."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from readmission.errors import ReadmissionError

NOTE_CHARACTERS = 1000  # Airflow refuses a longer note


class AirflowRefused(ReadmissionError):
    """Airflow answered with an HTTP error or without JSON; the text has request, status and start of the body."""


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG. ``state`` is Airflow's: queued, running, success or failed."""

    run_id: str
    state: str


@dataclass(frozen=True)
class TaskState:
    """One task instance.

    ``map_index`` is -1 for a task that is not mapped. ``map_name`` is what the DAG calls this instance, and None until
    it has started. ``seconds`` is None until it ends.
    """

    task_id: str
    map_index: int
    map_name: str | None
    state: str | None
    try_number: int
    seconds: float | None


class AirflowApi:
    """A client that has signed in.

    Every method raises :class:`AirflowRefused` for an HTTP error and ``httpx.TransportError`` when there is no answer.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @classmethod
    def sign_in(cls, url: str, user: str, password: str) -> Self:
        """A client with a token for ``user``. Raises as the methods do."""
        # services of this machine are not reached through a proxy that the environment names
        client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        try:
            client.headers["Authorization"] = f"Bearer {_token(client, user, password)}"
        except BaseException:
            client.close()
            raise
        return cls(client)

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._client.close()

    def has_dag(self, dag_id: str) -> bool:
        """Whether Airflow has parsed a DAG with this id."""
        response = self._client.get(f"/api/v2/dags/{dag_id}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        _checked(response)
        return True

    def import_errors(self) -> list[str]:
        """The stack traces of DAG files that cannot be read."""
        return [str(error["stack_trace"]) for error in self._get("/api/v2/importErrors")["import_errors"]]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler start runs of the DAG."""
        _checked(self._client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}))

    def active_run(self, dag_id: str) -> DagRun | None:
        """The oldest run that is queued or running; None when there is none."""
        query = {"state": ["running", "queued"], "order_by": "run_after", "limit": 1}
        runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns", query)["dag_runs"]
        return _dag_run(runs[0]) if runs else None

    def trigger(self, dag_id: str) -> DagRun:
        """Start a manual run, without a logical date."""
        return _dag_run(_checked(self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})))

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """The present state of a run."""
        return _dag_run(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def note_of_run(self, dag_id: str, run_id: str) -> str:
        """The note of a run; empty when it has none."""
        return str(self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").get("note") or "")

    def note_run(self, dag_id: str, run_id: str, note: str) -> None:
        """Replace the note of a run, which Airflow's page shows with it. Text after 1,000 characters is cut off."""
        body = {"note": note[:NOTE_CHARACTERS]}
        _checked(self._client.patch(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", json=body))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """The task instances of a run, at most 100."""
        body = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", {"limit": 100})
        return [
            TaskState(
                task_id=item["task_id"],
                map_index=item["map_index"],
                map_name=item["rendered_map_index"],
                state=item["state"],
                try_number=item["try_number"],
                seconds=item["duration"],
            )
            for item in body["task_instances"]
        ]

    def log(self, dag_id: str, run_id: str, task: TaskState) -> list[str]:
        """The errors in the log of a task's last try; all of its lines when there are none."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{max(1, task.try_number)}"
        content = self._get(path, {"map_index": task.map_index, "full_content": True})["content"]
        errors = [entry for entry in content if isinstance(entry, dict) and entry.get("level") in ("error", "critical")]
        return [_log_line(entry) for entry in errors or content]

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        return _checked(self._client.get(path, params=query))


def _token(client: httpx.Client, user: str, password: str) -> str:
    answer = _checked(client.post("/auth/token", json={"username": user, "password": password}))
    if "access_token" not in answer:
        raise AirflowRefused("POST /auth/token: the answer has no access_token")
    return str(answer["access_token"])


def _checked(response: httpx.Response) -> Any:
    request = response.request
    refusal = AirflowRefused(f"{request.method} {request.url.path}: {response.status_code} {response.text[:300]}")
    if response.is_error:
        raise refusal
    try:
        return response.json()
    except ValueError as error:
        raise refusal from error


def _dag_run(item: dict[str, Any]) -> DagRun:
    return DagRun(item["dag_run_id"], item["state"])


def _log_line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
    return " ".join([str(entry.get("event", "")), *errors])
