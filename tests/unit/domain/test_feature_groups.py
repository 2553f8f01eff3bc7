from collections import Counter

from readmission.domain.feature_groups import FEATURE_GROUPS, SINGLE_FEATURES
from readmission.domain.medication import DERIVED, DRUG_FEATURES
from readmission.domain.schema import FEATURE_NAMES


def test_each_feature_is_in_one_group():
    members = Counter(name for features in FEATURE_GROUPS.values() for name in features)

    assert members == Counter(FEATURE_NAMES)


def test_the_drugs_are_one_group_with_what_follows_from_them():
    assert set(FEATURE_GROUPS["diabetes_drugs"]) == {*DRUG_FEATURES, *DERIVED}


def test_alone_each_feature_is_its_own_group():
    assert list(SINGLE_FEATURES) == list(FEATURE_NAMES)
    assert all(members == (name,) for name, members in SINGLE_FEATURES.items())
