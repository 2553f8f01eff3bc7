from graphlib import CycleError
from threading import Barrier, Event

import pytest

from readmission.local.graph import Step, run_steps


def test_a_step_waits_for_those_that_it_depends_on():
    order = []
    steps = [Step(name, lambda name=name: order.append(name), needs) for name, needs in (("b", ("a",)), ("a", ()))]

    run_steps(steps, Event())

    assert order == ["a", "b"]


def test_steps_that_need_nothing_run_at_the_same_time():
    meeting = Barrier(3, timeout=10)

    run_steps([Step(name, meeting.wait) for name in "abc"], Event())

    assert not meeting.broken


def test_a_dependency_that_is_not_in_the_graph_does_not_count():
    order = []

    run_steps([Step("a", lambda: order.append("a"), ("elsewhere",))], Event())

    assert order == ["a"]


def test_after_an_error_no_further_step_begins_and_those_at_work_are_told():
    cancelled, order = Event(), []

    def fail() -> None:
        raise RuntimeError("broken")

    def work_until_told() -> None:
        assert cancelled.wait(10)
        order.append("told")

    steps = [
        Step("fails", fail),
        Step("works", work_until_told),
        Step("later", lambda: order.append("later"), ("fails",)),
    ]

    with pytest.raises(RuntimeError, match="broken"):
        run_steps(steps, cancelled)

    assert order == ["told"]


def test_a_circle_is_refused_before_anything_runs():
    ran = []
    steps = [Step("a", lambda: ran.append("a"), ("b",)), Step("b", lambda: ran.append("b"), ("a",))]

    with pytest.raises(CycleError):
        run_steps([*steps, Step("c", lambda: ran.append("c"))], Event())

    assert ran == []
