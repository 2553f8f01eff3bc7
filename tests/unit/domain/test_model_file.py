from dataclasses import replace
from datetime import UTC, datetime

import pytest

from readmission.domain.model_file import ModelFileMetadata
from readmission.errors import InvalidModel


@pytest.fixture
def metadata():
    return ModelFileMetadata(
        target="any",
        threshold=0.4606,
        risk_band_medium=0.4575,
        risk_band_high=0.6085,
        data_source="synthetic",
        candidate="lightgbm",
        calibrated=True,
        dataset_digest="ab" * 32,
        trained_at=datetime(2026, 11, 23, 16, 30, tzinfo=UTC),
    )


def test_metadata_comes_back_as_it_was_written(metadata):
    for calibrated in (True, False):
        written = replace(metadata, calibrated=calibrated)

        assert ModelFileMetadata.from_properties(written.properties()) == written


def test_all_properties_are_text(metadata):
    assert all(isinstance(value, str) for value in metadata.properties().values())


def test_a_model_of_another_encoding_is_refused(metadata):
    with pytest.raises(InvalidModel, match="another encoding"):
        ModelFileMetadata.from_properties(metadata.properties() | {"encoding_digest": "0" * 64})


@pytest.mark.parametrize(
    "broken",
    [
        {"threshold": "high"},
        {"threshold": "nan"},
        {"threshold": "1.5"},
        {"risk_band_medium": "0.7"},
        {"risk_band_high": "-0.1"},
        {"calibrated": "yes"},
        {"trained_at": "yesterday"},
    ],
)
def test_garbled_properties_are_refused(metadata, broken):
    with pytest.raises(InvalidModel):
        ModelFileMetadata.from_properties(metadata.properties() | broken)


@pytest.mark.parametrize("name", ["target", "threshold", "risk_band_high", "calibrated", "encoding_digest"])
def test_a_missing_property_is_refused(metadata, name):
    properties = metadata.properties()
    del properties[name]

    with pytest.raises(InvalidModel):
        ModelFileMetadata.from_properties(properties)
