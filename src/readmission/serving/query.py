"""The query parameter ``horizon`` of the routes for operators."""

from typing import Any

from fastapi import Request

from readmission.domain.horizon import HORIZON_NAMES, HorizonName
from readmission.errors import InvalidParameter

NAME = "horizon"


def asked_horizon(request: Request) -> HorizonName | None:
    """The horizon that a request asks for; None when it names none.

    Raises :class:`InvalidParameter` for any other parameter, and for a horizon that does not exist or is given twice.
    """
    parameters = request.query_params.multi_items()
    if not parameters:
        return None
    if any(name != NAME for name, _ in parameters):
        raise InvalidParameter(f"unknown parameter: the only one is {NAME}")
    asked = [horizon for horizon in HORIZON_NAMES if (NAME, horizon) in parameters]
    if len(parameters) > 1 or not asked:
        raise InvalidParameter(f"{NAME} must be given once, and be one of: {', '.join(HORIZON_NAMES)}")
    return asked[0]


def horizon_parameter(without: str) -> dict[str, Any]:
    """Documentation of the parameter; ``without`` says what a request without it gets."""
    schema = {"type": "string", "enum": list(HORIZON_NAMES)}
    return {"parameters": [{"name": NAME, "in": "query", "required": False, "description": without, "schema": schema}]}
