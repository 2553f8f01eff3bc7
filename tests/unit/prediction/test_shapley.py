import itertools
import math

import numpy as np
import pytest

from readmission.prediction.shapley import attribute

NAN = np.nan
ALONE = np.arange(4)


def as_they_are(answers):
    return answers


def squares(answers):
    return answers**2


def weighted_sum(rows):
    return (rows @ [0.1, 0.2, 0.3, 0.4]).astype(np.float32)


def interacting(rows):
    """A model in which features work together; unknown counts as 0.5."""
    a, b, c, d = np.nan_to_num(rows, nan=0.5).T
    return (0.1 + 0.3 * a * b * c + 0.2 * np.maximum(b, d) + 0.2 * np.abs(c - d)).astype(np.float32)


def some_rows(count, seed):
    return np.random.default_rng(seed).random((count, 4)).astype(np.float32)


def exact(model, row, background, players, game):
    """The contributions by Shapley's definition, over every coalition of players."""
    numbers = range(players.max() + 1)

    def worth(coalition):
        return game(model(np.where(np.isin(players, list(coalition)), row, background)).astype(float)).mean()

    def weight(coalition):
        return 1 / len(numbers) / math.comb(len(numbers) - 1, len(coalition))

    coalitions = [set(c) for size in numbers for c in itertools.combinations(numbers, size)]
    return [
        sum(weight(c) * (worth(c | {player}) - worth(c)) for c in coalitions if player not in c) for player in numbers
    ]


def test_in_a_weighted_sum_each_player_adds_its_own_difference_from_the_backgrounds_mean():
    row, background = some_rows(1, 0)[0], some_rows(30, 1)

    (found,) = attribute(weighted_sum, row, background, ALONE, [as_they_are])

    expected = [0.1, 0.2, 0.3, 0.4] * (row - background.mean(axis=0))
    np.testing.assert_allclose(found.contributions, expected, atol=1e-6)


@pytest.mark.parametrize("players", [ALONE, np.array([0, 1, 0, 2])], ids=["alone", "grouped"])
@pytest.mark.parametrize("game", [as_they_are, squares])
def test_the_contributions_are_near_those_of_shapleys_definition(players, game):
    row, background = some_rows(1, 2)[0], some_rows(100, 3)

    (found,) = attribute(interacting, row, background, players, [game])

    np.testing.assert_allclose(found.contributions, exact(interacting, row, background, players, game), atol=0.002)


def test_two_players_that_only_work_together_share_alike():
    row, background = np.ones(4, np.float32), np.zeros((1, 4), np.float32)

    (found,) = attribute(lambda rows: rows[:, 1] * rows[:, 2], row, background, ALONE, [as_they_are])

    np.testing.assert_allclose(found.contributions, [0, 0.5, 0.5, 0], atol=1e-9)


def test_every_game_adds_up_from_the_backgrounds_mean_to_the_patient():
    row, background = some_rows(1, 4)[0], some_rows(50, 5)

    found = attribute(interacting, row, background, ALONE, [as_they_are, squares])

    answers, (patient,) = interacting(background).astype(float), interacting(row[None]).astype(float)
    assert [each.base for each in found] == pytest.approx([answers.mean(), (answers**2).mean()])
    assert [each.total for each in found] == [patient, patient**2]
    for each in found:
        assert each.contributions.sum() == pytest.approx(each.total - each.base, abs=1e-12)


def test_a_player_with_the_backgrounds_value_contributes_nothing():
    row = np.array([0.9, NAN, 0.2, 0.7], np.float32)
    background = some_rows(20, 6)
    background[:, [1, 2]] = row[[1, 2]]

    (found,) = attribute(interacting, row, background, ALONE, [as_they_are])

    assert found.contributions[[1, 2]].tolist() == [0, 0]
    assert (found.contributions[[0, 3]] != 0).all()


def test_a_patient_who_is_the_background_has_nothing_to_explain():
    row = np.array([0.9, NAN, 0.2, 0.7], np.float32)

    (found,) = attribute(interacting, row, row[None], ALONE, [as_they_are])

    assert found.base == found.total
    assert found.contributions.tolist() == [0, 0, 0, 0]


def test_the_same_question_gets_the_same_answer():
    row, background = some_rows(1, 7)[0], some_rows(40, 8)

    first, second = (attribute(interacting, row, background, ALONE, [squares]) for _ in range(2))

    assert first[0].contributions.tolist() == second[0].contributions.tolist()


def test_only_hybrids_that_differ_from_both_encounters_are_asked_of_the_model():
    asked = []

    def counted(rows):
        asked.append(len(rows))
        return weighted_sum(rows)

    row, background = np.array([1, 1, 0, 0], np.float32), np.zeros((10, 4), np.float32)

    attribute(counted, row, background, ALONE, [as_they_are], pairs=3)

    # the patient; the background, and one coalition of one for each of 6 permutations of 10 encounters
    assert asked == [1, 10 + 6 * 10]
