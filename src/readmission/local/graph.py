"""Steps that wait for one another and otherwise run at the same time."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from threading import Event


@dataclass(frozen=True)
class Step:
    """``run`` begins when every step of ``depends_on`` is done; names that are not in the graph do not count."""

    name: str
    run: Callable[[], None]
    depends_on: tuple[str, ...] = ()


def run_steps(steps: Iterable[Step], cancelled: Event) -> None:
    """Run every step; raises ``graphlib.CycleError`` when some wait for one another in a circle.

    At the first error, also an interrupt, ``cancelled`` is set, no further step begins, and the error is raised when
    the steps at work have ended.
    """
    by_name = {step.name: step for step in steps}
    order = TopologicalSorter({name: by_name.keys() & step.depends_on for name, step in by_name.items()})
    order.prepare()
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(by_name))) as pool:
        try:
            while order.is_active():
                running |= {pool.submit(by_name[name].run): name for name in order.get_ready()}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    order.done(running.pop(future))
        except BaseException:
            cancelled.set()
            raise
