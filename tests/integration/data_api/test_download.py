"""The download of the UCI archive, from a real server that behaves well and badly."""

import socket

import pytest
import structlog

from readmission.data_api.download import ATTEMPTS, uci_file
from readmission.data_api.sources import find_source
from readmission.errors import ChecksumMismatch, InvalidSource, SourceUnavailable
from readmission.settings import DataApiSettings


@pytest.fixture
def waits():
    return []


@pytest.fixture
def download(scripted_server, sha256, tmp_path, waits):
    def download(*answers, sha256=sha256):
        scripted_server.answers[:] = answers
        return uci_file(f"{scripted_server.url}/archive.zip", sha256, tmp_path / "cache", waits.append)

    return download


def _left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_archive_is_unpacked_into_the_cache(download, answers, archive, csv, tmp_path):
    path = download(answers["whole"](archive))

    assert path.read_bytes() == csv
    assert _left_in(tmp_path / "cache") == [path.name]


def test_the_second_start_downloads_nothing(download, scripted_server, answers, archive):
    first = download(answers["whole"](archive))

    again = download(answers["status"](500))

    assert again == first
    assert len(scripted_server.paths) == 1


def test_a_cached_file_that_was_damaged_is_downloaded_again(download, answers, archive, csv):
    path = download(answers["whole"](archive))
    path.write_bytes(csv[:1000])

    assert download(answers["whole"](archive)).read_bytes() == csv


@pytest.mark.parametrize("kind", ["cut off", "cut off unannounced"])
def test_after_a_download_that_was_cut_off_comes_another_attempt(download, answers, archive, csv, waits, kind):
    path = download(answers[kind](archive), answers["whole"](archive))

    assert path.read_bytes() == csv
    assert waits == [0.5]


@pytest.mark.parametrize("code", [500, 502, 503, 429])
def test_after_a_servers_error_comes_another_attempt(download, answers, archive, csv, waits, code):
    path = download(answers["status"](code), answers["whole"](archive))

    assert path.read_bytes() == csv
    assert waits == [0.5]


@pytest.mark.parametrize("kind", ["cut off", "cut off unannounced"])
def test_a_download_that_is_always_cut_off_leaves_nothing(download, scripted_server, answers, archive, tmp_path, kind):
    with pytest.raises(SourceUnavailable):
        download(answers[kind](archive))

    assert len(scripted_server.paths) == ATTEMPTS
    assert _left_in(tmp_path / "cache") == []


def test_the_waits_between_attempts_grow(download, answers, waits):
    with pytest.raises(SourceUnavailable, match="HTTP status 503"):
        download(answers["status"](503))

    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_refusal_is_not_asked_again(download, scripted_server, answers, code):
    with pytest.raises(SourceUnavailable, match=str(code)):
        download(answers["status"](code))

    assert len(scripted_server.paths) == 1


def test_another_file_in_the_archive_is_refused_at_once(download, scripted_server, answers, archive, tmp_path):
    with pytest.raises(ChecksumMismatch, match="expected 0000"):
        download(answers["whole"](archive), sha256="0" * 64)

    assert len(scripted_server.paths) == 1
    assert _left_in(tmp_path / "cache") == []


def test_a_log_in_page_in_place_of_the_archive_is_no_source(download, answers, tmp_path):
    with pytest.raises(SourceUnavailable, match="not a whole zip"):
        download(answers["whole"](b"<html>please log in</html>"))

    assert _left_in(tmp_path / "cache") == []


def test_progress_is_shown_in_steps(download, answers, archive):
    large = archive + b"\0" * 3_000_000

    with structlog.testing.capture_logs() as events, pytest.raises(SourceUnavailable):
        download(answers["whole"](large))

    percents = [event["percent"] for event in events if event["event"] == "downloading"]
    assert percents[: len(percents) // ATTEMPTS] == sorted(set(percents))
    assert len(set(percents)) >= 5
    assert max(percents) == 100


def _settings(tmp_path, **values):
    return DataApiSettings(data_cache=tmp_path / "cache", synthetic_rows=200, **values)


def test_a_downloaded_archive_is_the_source(scripted_server, answers, archive, sha256, tmp_path):
    scripted_server.answers = [answers["whole"](archive)]

    source = find_source(_settings(tmp_path, uci_url=scripted_server.url, uci_sha256=sha256))

    assert (source.name, source.digest) == ("uci", sha256)
    assert source.read().num_rows == 300


def test_a_wrong_archive_never_becomes_a_synthetic_source(scripted_server, answers, archive, tmp_path):
    scripted_server.answers = [answers["whole"](archive)]

    with pytest.raises(ChecksumMismatch):
        find_source(_settings(tmp_path, uci_url=scripted_server.url, uci_sha256="0" * 64))


@pytest.fixture
def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_without_a_network_the_source_is_synthetic_and_the_log_says_so_loudly(tmp_path, closed_port, host):
    with structlog.testing.capture_logs() as events:
        source = find_source(_settings(tmp_path, uci_url=f"http://{host}:{closed_port}/archive.zip"))

    assert source.name == "synthetic"
    assert source.read().num_rows == 200
    assert [event["log_level"] for event in events if "SYNTHETIC" in event["event"]] == ["warning"]


def test_a_file_comes_before_the_archive(scripted_server, csv, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_bytes(csv)

    source = find_source(_settings(tmp_path, data_path=path, uci_url=scripted_server.url))

    assert source.name == "file"
    assert source.read().num_rows == 300
    assert scripted_server.paths == []


def test_a_missing_file_never_becomes_another_source(scripted_server, tmp_path):
    with pytest.raises(InvalidSource, match="DATA_PATH"):
        find_source(_settings(tmp_path, data_path=tmp_path / "gone.csv", uci_url=scripted_server.url))

    assert scripted_server.paths == []
