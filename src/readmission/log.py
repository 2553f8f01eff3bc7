"""Logging, set up once per process: one event with fields per line."""

import logging
import sys

import structlog


def configure_logging(*, json: bool | None = None) -> None:
    """Write events to stderr: JSON when it is not a terminal (or when ``json`` says so), readable text otherwise."""
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
    """A logger whose events carry ``component=name``; cheap, safe to call at import."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
