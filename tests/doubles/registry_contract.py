"""What a model registry does, MLflow's and the one in memory."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from readmission.adapters.registry import ModelRegistry, ModelVersion
from readmission.errors import InvalidModel, NotFound

ONNX = b"a model file"


class RegistryContract:
    """Needs ``registry``, ``new_run()``, ``set_alias(alias, number)``, and for the model files
    ``overwrite_file(run_id, data)`` and ``delete_file(run_id)``.
    """

    @pytest.fixture
    def versions(self, registry: ModelRegistry, new_run: Callable[[], str]) -> list[ModelVersion]:
        """Three registered versions."""
        return [registry.register(new_run(), ONNX + bytes([number]), {"candidate": "lightgbm"}) for number in range(3)]

    def test_a_registry_without_the_model_has_nothing_in_production(self, registry):
        assert registry.production() is None
        assert registry.previous() is None
        assert registry.find("no such run") is None

    def test_a_registered_version_has_its_tags_and_the_digest_of_its_file(self, registry, new_run):
        run_id = new_run()

        version = registry.register(run_id, ONNX, {"candidate": "lightgbm", "test_roc_auc": "0.69"})

        assert (version.name, version.version, version.run_id) == (registry.model_name, "1", run_id)
        assert version.onnx_digest == version.tags["onnx_digest"] == hashlib.sha256(ONNX).hexdigest()
        assert version.tags["test_roc_auc"] == "0.69"
        assert abs(version.created_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert registry.version("1") == version == registry.find(run_id)

    def test_a_run_is_registered_once(self, registry, new_run):
        run_id = new_run()

        first = registry.register(run_id, ONNX, {"candidate": "lightgbm"})
        second = registry.register(run_id, b"another file", {"candidate": "another"})

        assert second == first
        assert registry.download_onnx(second) == ONNX

    def test_each_version_keeps_its_own_file(self, registry, versions):
        files = [registry.download_onnx(version) for version in versions]

        assert files == [ONNX + bytes([number]) for number in range(3)]

    def test_a_file_that_was_exchanged_is_refused(self, registry, versions, overwrite_file):
        overwrite_file(versions[0].run_id, b"a hostile model")

        with pytest.raises(InvalidModel, match="another digest"):
            registry.download_onnx(versions[0])

    def test_a_file_that_is_gone_is_refused(self, registry, versions, delete_file):
        delete_file(versions[0].run_id)

        with pytest.raises(InvalidModel, match="is missing"):
            registry.download_onnx(versions[0])

    @pytest.mark.usefixtures("versions")
    def test_a_version_that_is_not_there_is_not_found(self, registry):
        for number in ("99", "0", "-1", "latest", "1; drop table", ""):
            with pytest.raises(NotFound):
                registry.version(number)

    def test_promotion_moves_the_aliases(self, registry, versions):
        registry.promote(versions[0])
        assert (registry.production(), registry.previous()) == (versions[0], None)

        registry.promote(versions[1])

        assert (registry.production(), registry.previous()) == (versions[1], versions[0])

    def test_promoting_twice_keeps_the_previous_version(self, registry, versions):
        for version in (versions[0], versions[1], versions[1]):
            registry.promote(version)

        assert (registry.production(), registry.previous()) == (versions[1], versions[0])

    def test_a_promotion_that_was_killed_between_the_aliases_leaves_the_old_version_and_is_completed(
        self, registry, versions, set_alias
    ):
        registry.promote(versions[0])
        set_alias("previous", versions[0].version)
        assert registry.production() == versions[0]

        registry.promote(versions[1])

        assert (registry.production(), registry.previous()) == (versions[1], versions[0])

    def test_a_rollback_puts_the_previous_version_back_and_marks_the_other(self, registry, versions):
        registry.promote(versions[0])
        registry.promote(versions[1])

        registry.rollback(versions[1], versions[0])

        assert registry.production().version == versions[0].version
        assert registry.previous() is None
        assert registry.version(versions[1].version).tags["promotion"] == "rolled_back"

    def test_rolling_back_twice_changes_nothing(self, registry, versions):
        registry.promote(versions[0])
        registry.promote(versions[1])

        for _ in range(2):
            registry.rollback(versions[1], versions[0])

        assert (registry.production(), registry.previous()) == (versions[0], None)

    def test_tags_are_added_and_changed_and_the_others_stay(self, registry, versions):
        registry.tag(versions[0], {"promotion": "rejected", "promotion_reason": "worse: -0.01, ¿por qué?"})
        registry.tag(versions[0], {"promotion": "promoted"})

        tags = registry.version(versions[0].version).tags

        assert tags["promotion"] == "promoted"
        assert tags["promotion_reason"] == "worse: -0.01, ¿por qué?"
        assert tags["candidate"] == "lightgbm"
