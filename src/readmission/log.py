"""Logging, configured once per process. Each line is one event with fields."""

import logging
import sys

import structlog


def configure_logging(*, json: bool | None = None) -> None:
    """Write events to stderr as JSON or as text. The default is text on a terminal and JSON otherwise.

    A task of the pipeline does not call it, because Airflow has set structlog up for the task's own log.
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events have the field ``component=name``. It is safe to call at import."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
