"""Run steps in the order of their dependencies; independent steps run in parallel threads."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from threading import Event


@dataclass(frozen=True)
class Step:
    """A unit of work. ``run`` begins when all steps in ``depends_on`` are done; unknown names there are ignored."""

    name: str
    run: Callable[[], None]
    depends_on: tuple[str, ...] = ()


def run_steps(steps: Iterable[Step], cancelled: Event) -> None:
    """Run every step. At the first error no further step begins.

    The error, which may be an interrupt, sets ``cancelled`` and is raised when the running steps have ended. Raises
    ``graphlib.CycleError`` when the dependencies form a cycle.
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
