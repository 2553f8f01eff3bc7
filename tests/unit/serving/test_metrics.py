import os

from readmission.serving.metrics import MULTIPROCESS_DIR, Metrics, forget_dead_workers

# Linux counts no further than 2 ** 22
NEVER_A_PID = 2**22 + 1


def test_requests_are_counted_by_route_and_status():
    found = Metrics()

    found.answered("/predict", 200, 0.003)
    found.answered("/predict", 422, 0.001)

    text = found.exposition().decode()
    assert 'readmission_http_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'readmission_http_request_duration_seconds_count{route="/predict"} 2.0' in text


def test_every_result_of_a_reload_is_shown_from_the_start_for_each_horizon_that_is_followed():
    found = Metrics()

    found.follows("within_30_days")

    text = found.exposition().decode()
    for result in ("loaded", "invalid", "untrusted", "unavailable"):
        assert f'readmission_model_reloads_total{{horizon="within_30_days",result="{result}"}} 0.0' in text
    assert 'horizon="any"' not in text


def test_two_applications_in_one_process_do_not_share_counts():
    one, other = Metrics(), Metrics()

    one.answered("/predict", 200, 0.003)

    assert "/predict" not in other.exposition().decode()


def test_what_dead_workers_served_is_forgotten_and_what_living_ones_serve_is_kept(tmp_path, monkeypatch):
    names = [f"gauge_livesum_{NEVER_A_PID}.db", f"gauge_livesum_{os.getpid()}.db", f"counter_{NEVER_A_PID}.db", "other"]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv(MULTIPROCESS_DIR, str(tmp_path))

    forget_dead_workers()

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_without_workers_there_is_nothing_to_forget(monkeypatch):
    monkeypatch.delenv(MULTIPROCESS_DIR, raising=False)

    forget_dead_workers()
