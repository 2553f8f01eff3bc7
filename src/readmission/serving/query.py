"""The query parameter ``horizon`` of the routes for operators."""

from typing import Any, cast

from fastapi import Request

from readmission.domain.horizon import HORIZON_NAMES, HorizonName
from readmission.serving.choices import choice_parameters, choices

NAME = "horizon"
_ALLOWED = {NAME: HORIZON_NAMES}


def asked_horizon(request: Request) -> HorizonName | None:
    """The horizon that a request asks for; None when it names none.

    Raises :class:`InvalidParameter` for any other parameter, and for a horizon that does not exist or is given twice.
    """
    return cast("HorizonName | None", choices(request, _ALLOWED).get(NAME))


def horizon_parameter(without: str) -> dict[str, Any]:
    """Documentation of the parameter; ``without`` says what a request without it gets."""
    return {"parameters": choice_parameters({NAME: without}, _ALLOWED)}
