import pytest

from readmission.domain.horizon import HORIZON_NAMES, HORIZONS


def test_every_horizon_is_described_under_its_name():
    assert tuple(HORIZONS) == HORIZON_NAMES
    assert [horizon.name for horizon in HORIZONS.values()] == list(HORIZON_NAMES)


def test_every_horizon_has_its_column():
    assert {name: horizon.column for name, horizon in HORIZONS.items()} == {
        "any": "readmitted",
        "within_30_days": "readmitted_within_30_days",
    }


def test_every_horizon_has_its_leak_alarm():
    assert {name: horizon.leak_alarm_auc for name, horizon in HORIZONS.items()} == {"any": 0.75, "within_30_days": 0.72}


def test_every_horizon_has_its_own_registered_model():
    names = [horizon.model_name("diabetes_classifier") for horizon in HORIZONS.values()]

    assert names == ["diabetes_classifier", "diabetes_classifier_30d"]


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_horizon_has_words_of_its_own_in_each_language(language):
    assert len({horizon.words[language] for horizon in HORIZONS.values()}) == len(HORIZONS)
