"""The request model of one encounter, generated from the schema, and the error messages for refused fields."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypedDict

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from readmission.domain.cohort import can_be_readmitted
from readmission.domain.encoding import ICD9_PATTERN, is_icd9
from readmission.domain.example import EXAMPLE
from readmission.domain.medication import contradictions
from readmission.domain.schema import COLUMN, FEATURES, NAME_OF_RAW, Column, Kind
from readmission.errors import InvalidInput, UnreadableInput

RAW_NAME = {column.name: column.raw_name for column in FEATURES if column.raw_name and column.raw_name != column.name}
SHOWN_VALUES = 12
SHOWN_NAME = 64


class FieldProblem(TypedDict):
    """Why a field is refused, without the caller's value. ``allowed`` is the JSON Schema of the valid values."""

    field: str
    message: str
    allowed: dict[str, Any]


def allowed(column: Column) -> dict[str, Any]:
    """The JSON Schema of a feature's valid values. The null of an unknown value is left out."""
    if column.kind is Kind.NUMBER:
        return {"type": "integer", "minimum": column.low, "maximum": column.high}
    if column.kind is Kind.ICD9:
        examples = ["428", "250.83", "V57", "E885"]
        return {"type": "string", "description": "ICD-9-CM code", "pattern": f"^{ICD9_PATTERN}$", "examples": examples}
    if column.kind is Kind.CODE:
        return {"type": "integer", "enum": [code for code in column.values if _in_cohort(column, code)]}
    return {"type": "string", "enum": _categories(column)}


def problem(column: Column, kind: str = "") -> FieldProblem:
    """Describe why a feature is refused. ``kind`` is the error type that pydantic reports."""
    message = {
        "missing": f"is required: {_expectation(column)}",
        "outside_cohort": "names death or hospice: outside of the model's cohort, such a patient cannot be readmitted",
        "duplicate": "is given more than once",
    }.get(kind, f"must be {_expectation(column)}")
    return FieldProblem(field=column.name, message=message, allowed=allowed(column))


def unknown_field(name: str) -> FieldProblem:
    """Describe an unexpected field: its name is unknown, or the same feature is also given under its other name."""
    if (feature := COLUMN.get(NAME_OF_RAW.get(name, name))) and feature.feature:
        return problem(feature, "duplicate")
    return FieldProblem(field=name[:SHOWN_NAME], message="is not a field of an encounter", allowed={"not": {}})


def whole_number(value: object) -> object:
    """A number as JSON Schema reads it: ``18.0`` is the integer 18. Any other value stays as it is.

    Clients send such numbers: it is what pandas writes for an integer column with gaps.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def parse_encounter(body: bytes) -> dict[str, Any]:
    """Read one encounter from a JSON body, as a dict by feature name. What is unknown or left out is None.

    Raises :class:`UnreadableInput` when the body is not JSON, and :class:`InvalidInput` with all refused fields.
    The drugs are compared with the features that they determine only when each field alone is valid.
    """
    try:
        encounter = Encounter.model_validate_json(body)
    except ValidationError as error:
        # from None: pydantic's error text contains the caller's values
        raise _refusal(error) from None
    # names and valid values contain no colon, so more colons than fields means that a field is repeated
    if body.count(b":") != len(encounter.model_fields_set):
        raise InvalidInput("a field is given more than once")
    if problems := contradiction_problems(encounter.__dict__):
        raise _invalid(problems)
    return encounter.__dict__


def contradiction_problems(encounter: Mapping[str, Any]) -> list[FieldProblem]:
    """Describe each value of an otherwise valid encounter that contradicts its drugs."""
    return [
        FieldProblem(
            field=name,
            message=f"must be {expected}, or left out: {reason}",
            allowed={"type": "string", "enum": [expected]},
        )
        for name, expected, reason in contradictions(encounter)
    ]


def check_value(column: Column, value: object) -> FieldProblem | None:
    """Check one value of a feature with the rules of :data:`Encounter`. Returns None when it is valid."""
    if value is None and column.required:
        return problem(column, "missing")
    try:
        _field_adapter(column).validate_python(value)
    except ValidationError as error:
        return problem(column, error.errors(include_input=False, include_url=False)[0]["type"])
    return None


def _expectation(column: Column) -> str:
    unknown = "" if column.required else ", or null when it is not known"
    if column.kind is Kind.NUMBER:
        return f"a whole number from {column.low} to {column.high}"
    if column.kind is Kind.ICD9:
        return f"an ICD-9-CM code such as 428, 250.83, V57 or E885{unknown}"
    values = allowed(column)["enum"]
    if len(values) > SHOWN_VALUES:
        return f"one of the {len(values)} allowed values{unknown}"
    return f"one of {', '.join(map(str, values))}{unknown}"


def _categories(column: Column) -> list[str]:
    return [str(value) for value in (*column.values, *column.unknown)]


def _in_cohort(column: Column, code: object) -> bool:
    return column.name != "discharge_disposition_id" or can_be_readmitted(int(str(code)))


def _code_check(column: Column) -> Callable[[int], int]:
    codes = frozenset(column.values)
    cohort = frozenset(code for code in codes if _in_cohort(column, code))

    def check(code: int) -> int:
        if code in cohort:
            return code
        raise PydanticCustomError("outside_cohort" if code in codes else "unknown_code", "refused")

    return check


def _icd9_check(code: str) -> str:
    if not is_icd9(code):
        raise PydanticCustomError("icd9", "refused")
    return code


def _type(column: Column) -> Any:
    if column.kind is Kind.NUMBER:
        kind: Any = Annotated[int, Field(ge=column.low, le=column.high), BeforeValidator(whole_number)]
    elif column.kind is Kind.ICD9:
        kind = Annotated[str, AfterValidator(_icd9_check), WithJsonSchema(allowed(column))]
    elif column.kind is Kind.CODE:
        # not a Literal: it would accept true as 1
        check = AfterValidator(_code_check(column))
        kind = Annotated[int, check, BeforeValidator(whole_number), WithJsonSchema(allowed(column))]
    else:
        kind = Literal[tuple(_categories(column))]
    return kind if column.required else kind | None


def _field(column: Column) -> tuple[Any, Any]:
    alias = AliasChoices(column.name, RAW_NAME[column.name]) if column.name in RAW_NAME else None
    default = ... if column.required else None
    # the encoder applies a column's default, also to null; the request model keeps what was sent
    extra: dict[str, Any] = {"default": column.default} if column.default else {}
    return _type(column), Field(
        default, description=column.description, validation_alias=alias, json_schema_extra=extra or None
    )


_CONFIG = ConfigDict(strict=True, extra="forbid", json_schema_extra={"example": EXAMPLE})
_FIELDS: dict[str, Any] = {column.name: _field(column) for column in FEATURES}

Encounter: type[BaseModel] = create_model(
    "Encounter",
    __config__=_CONFIG,
    __doc__="One hospital encounter in clinical terms; an unknown value is null or left out. What is never unknown is "
    "required, has a default, or is derived from the drugs.",
    **_FIELDS,
)


@cache
def _field_adapter(column: Column) -> TypeAdapter[Any]:
    return TypeAdapter(_type(column), config=ConfigDict(strict=True))


def _refusal(error: ValidationError) -> InvalidInput:
    details = error.errors(include_input=False, include_url=False)
    if details[0]["type"] == "json_invalid":
        return UnreadableInput(str(details[0]["msg"]))
    if not details[0]["loc"]:
        return InvalidInput("the body must be a JSON object with the fields of one encounter")
    return _invalid([_field_problem(detail) for detail in details])


def _invalid(problems: list[FieldProblem]) -> InvalidInput:
    return InvalidInput(f"{len(problems)} of the encounter's fields are not valid", problems)


def _field_problem(detail: ErrorDetails) -> FieldProblem:
    name = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return unknown_field(name)
    return problem(COLUMN[NAME_OF_RAW.get(name, name)], detail["type"])
