"""Drawing from the figures of the parameter file."""

import numpy as np
import pytest

from readmission.synthetic.network import Node, band, load_network


class Ticket:
    """A random generator whose numbers are known."""

    def __init__(self, *numbers):
        self._numbers = np.array(numbers)

    def random(self, count):
        return self._numbers[:count]


def _node(bounds, given=None, row_of=(0,), numbers=None):
    return Node(
        "colour", given, None, np.array(bounds), np.array(row_of), None if numbers is None else np.array(numbers)
    )


def test_a_value_is_drawn_in_proportion_to_its_weight():
    node = _node([[1, 4, 4, 10]])

    drawn = node.draw({}, 5, Ticket(0.0, 0.1, 0.39, 0.4, 0.9999))

    assert drawn.tolist() == [0, 1, 1, 3, 3]


def test_the_weights_are_those_of_the_given_value():
    node = _node([[10, 10], [0, 10]], given="shape", row_of=(1, 0))

    drawn = node.draw({"shape": np.array([0, 1, 0])}, 3, Ticket(0.5, 0.5, 0.5))

    assert drawn.tolist() == [1, 0, 1]


def test_a_number_is_drawn_as_itself():
    node = _node([[5, 10]], numbers=(-2, 7))

    assert node.draw({}, 2, Ticket(0.2, 0.7)).tolist() == [-2, 7]


@pytest.mark.parametrize(("visits", "expected"), [(0, 0), (3, 3), (4, 4), (76, 4)])
def test_high_numbers_share_the_highest_band(visits, expected):
    assert band("number_emergency", np.array([visits])).tolist() == [expected]


def test_a_category_is_its_own_band():
    assert band("race", np.array([0, 5])).tolist() == [0, 5]


def test_every_row_of_weights_can_be_drawn_from():
    network = load_network()

    for node in (*network.nodes, network.number_inpatient_change):
        assert (node.bounds[:, -1] > 0).all(), node.name


def test_every_value_that_a_column_may_have_has_a_row_of_weights_where_another_depends_on_it():
    network = load_network()
    possible = {node.name: node for node in network.nodes}

    for node in network.nodes:
        if node.given is None:
            continue
        parent = possible[node.given]
        drawn = np.unique(band(parent.name, parent.numbers)) if parent.numbers is not None else None
        positions = np.flatnonzero(np.diff(parent.bounds, axis=1, prepend=0).any(axis=0)) if drawn is None else drawn
        rows = node.row_of[positions]
        assert len(np.unique(rows)) == len(rows), f"{node.name} given {node.given}"
