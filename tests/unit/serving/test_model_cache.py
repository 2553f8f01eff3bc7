import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from readmission.adapters.registry import ModelVersion
from readmission.serving.model_cache import ModelCache


def version_of(data: bytes, number: str = "1") -> ModelVersion:
    tags = {"test_roc_auc": "0.69"}
    return ModelVersion("m", number, "run", hashlib.sha256(data).hexdigest(), datetime(2026, 1, 1, tzinfo=UTC), tags)


def test_what_was_remembered_comes_back(tmp_path):
    version = version_of(b"model")

    ModelCache(tmp_path / "new", "m").remember(version, b"model")

    again = ModelCache(tmp_path / "new", "m")
    assert again.last() == version
    assert again.read(version.onnx_digest) == b"model"


def test_an_empty_cache_has_no_version(tmp_path):
    cache = ModelCache(tmp_path / "none", "m")

    assert cache.last() is None
    assert cache.read("0" * 64) is None


def test_only_the_last_model_file_is_kept(tmp_path):
    cache = ModelCache(tmp_path, "m")

    for data in (b"one", b"two", b"two"):
        cache.remember(version_of(data), data)

    assert [path.read_bytes() for path in tmp_path.rglob("*.onnx")] == [b"two"]


def test_no_model_deletes_the_file_of_another(tmp_path):
    one, other = ModelCache(tmp_path, "m"), ModelCache(tmp_path, "m_30d")
    other.remember(version_of(b"other"), b"other")

    one.remember(version_of(b"one"), b"one")

    assert one.read(one.last().onnx_digest) == b"one"
    assert other.read(other.last().onnx_digest) == b"other"


def test_what_an_earlier_release_left_in_the_folder_above_is_neither_read_nor_in_the_way(tmp_path):
    version = version_of(b"model")
    (tmp_path / "m.json").write_text(json.dumps(asdict(version) | {"created_at": "2026-01-01T00:00:00+00:00"}))
    (tmp_path / f"{version.onnx_digest}.onnx").write_bytes(b"model")
    cache = ModelCache(tmp_path, "m")

    assert (cache.last(), cache.read(version.onnx_digest)) == (None, None)
    cache.remember(version, b"model")
    assert cache.last() == version


def test_a_file_that_was_changed_is_not_read(tmp_path):
    cache, version = ModelCache(tmp_path, "m"), version_of(b"model")
    cache.remember(version, b"model")

    next(tmp_path.rglob("*.onnx")).write_bytes(b"other")

    assert cache.read(version.onnx_digest) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"created_at": 3}', '{"created_at": "2026-01-01"}'])
def test_a_broken_description_is_as_none(tmp_path, content):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "version.json").write_text(content)

    assert ModelCache(tmp_path, "m").last() is None


@pytest.mark.parametrize("digest", ["../../etc/passwd", "/etc/passwd", "..", ""])
def test_a_digest_does_not_lead_out_of_the_folder(tmp_path, digest):
    (tmp_path / "m").mkdir()
    (tmp_path / "outside.onnx").write_bytes(b"secret")

    assert ModelCache(tmp_path, "m").read(digest) is None
    assert ModelCache(tmp_path, "m").read("../outside") is None


def test_a_disk_that_cannot_be_written_stops_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    ModelCache(blocked / "models", "m").remember(version_of(b"model"), b"model")

    assert ModelCache(blocked / "models", "m").last() is None


def test_no_half_written_file_stays(tmp_path):
    ModelCache(tmp_path, "m").remember(version_of(b"model"), b"model")

    assert not list(Path(tmp_path).rglob("*.part"))
