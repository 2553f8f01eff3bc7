"""Logging, configured once per process. Each line is one event with fields."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog

_Filtering: Any = structlog.make_filtering_bound_logger(logging.INFO)


class _Guarded(_Filtering):  # type: ignore[misc]
    """A logger that never fails its caller: an event that cannot be written is counted and dropped."""

    failed: Callable[[], object] = int

    def _proxy_to_logger(self, method_name: str, event: str | None = None, *args: Any, **fields: Any) -> Any:
        try:
            return super()._proxy_to_logger(method_name, event, *args, **fields)
        except Exception:  # noqa: BLE001 - a dead pipe or a full disk must not fail the work that is logged
            type(self).failed()
            return None


def count_failures(count: Callable[[], object]) -> None:
    """Call ``count`` for each event of this process that could not be written. The last call of this function wins."""
    # staticmethod: without it, the logger would be passed to the function
    _Guarded.failed = staticmethod(count)


def configure_logging(*, json: bool | None = None) -> None:
    """Write events to stderr as JSON or as text. The default is text on a terminal and JSON otherwise.

    Logging never raises: see :func:`count_failures`. A task of the pipeline does not call this function, because
    Airflow has set structlog up for the task's own log.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=_Guarded,
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events have the field ``component=name``. It is safe to call at import."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
