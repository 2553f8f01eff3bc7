"""Query parameters that choose among a few values."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request

from readmission.errors import InvalidParameter


def choices(request: Request, allowed: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The query parameters of a request by name; ``allowed`` has the values of each, and each may be left out.

    Raises :class:`InvalidParameter` for another parameter, another value, and a parameter that is given twice.
    """
    asked = request.query_params.multi_items()
    if any(name not in allowed for name, _ in asked):
        known = "the only one is" if len(allowed) == 1 else "the parameters are"
        raise InvalidParameter(f"unknown parameter: {known} {', '.join(allowed)}")
    for name, value in asked:
        if value not in allowed[name] or len(request.query_params.getlist(name)) > 1:
            raise InvalidParameter(f"{name} must be given once, and be one of: {', '.join(allowed[name])}")
    return dict(asked)


def choice_parameters(described: Mapping[str, str], allowed: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Documentation of the parameters in ``allowed``; ``described`` says of each what it chooses."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": described[name],
            "schema": {"type": "string", "enum": list(values)},
        }
        for name, values in allowed.items()
    ]
