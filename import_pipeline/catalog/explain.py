"""What a model refuses, said as faults: the place in the file, what was expected, the valid values, the nearest one.

Belongs here: the words for each kind of pydantic error. Does not belong here: rules (they are the models' own, in model/).
"""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from import_pipeline.catalog.document import Document
from import_pipeline.catalog.fault import Fault, Loc
from import_pipeline.failures import known_values
from import_pipeline.model.account import Account

_ELSEWHERE: dict[object, tuple[str, ...]] = {Account: ("object_types", "formats")}
"""Keys of a model that stand in files of their own."""
_EXPECTED = {
    "string_type": "text is expected",
    "tuple_type": "a list is expected, such as [A, B]",
    "dict_type": "a mapping is expected, such as {{key: value}}",
    "model_type": "a mapping is expected, such as {{key: value}}",
    "bool_type": "true or false is expected",
    "bool_parsing": "true or false is expected",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "string_too_short": "it may not be empty",
    "greater_than_equal": "the least is {ge}",
    "less_than_equal": "the most is {le}",
}


def faults_of(
    error: ValidationError, model: type[BaseModel], document: Document, *, inside: Loc = (), only: str | None = None
) -> Iterator[Fault]:
    """The faults behind a ValidationError of `model`, whose data stand in `document` below the path `inside`.

    `only` keeps the errors of one pydantic kind, such as `contradictions` (model/object_type.py).
    """
    for detail in error.errors(include_url=False):
        if only is None or detail["type"] == only:
            yield from _fault(detail, model, document, inside)


def _fault(detail: ErrorDetails, model: type[BaseModel], document: Document, inside: Loc) -> Iterator[Fault]:
    loc, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if loc and loc[-1] == "[key]":
        if isinstance(detail["input"], str):  # other keys are the document's own faults
            yield document.fault((*inside, *loc[:-1]), _unknown_key(detail["input"], _options(context)), at_key=True)
    elif kind == "contradictions":
        for path, message in context["found"]:
            yield document.fault((*inside, *loc, *path), message)
    elif kind == "extra_forbidden":
        message = _unknown_key(str(loc[-1]), _known_keys(model, loc[:-1]))
        yield document.fault((*inside, *loc), message, at_key=True)
    elif kind == "missing":
        yield document.fault((*inside, *loc), f"the key {loc[-1]!r} is missing")
    elif kind != "invalid_key" and not (kind == "too_short" and detail["input"]):  # said already: of the key, of the list's items
        message = _message(detail, context, document.written((*inside, *loc)))
        yield document.fault((*inside, *loc), message)


def _message(detail: ErrorDetails, context: dict[str, Any], written: str | None) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "literal_error" and isinstance(value, str):
        return f"unknown value {value!r}; {known_values(value, _options(context))}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        return "the list may not be empty"
    if kind == "string_type" and written and not isinstance(value, str):
        return f"text is expected, but YAML reads {written} as something else: put it in quotes: '{written}'"
    expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else detail["msg"]
    return f"{expected}, not {_shown(value)}" if kind != "string_too_short" else expected


def _shown(value: object) -> str:
    """The refused value, short enough for a line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else repr(value)[:80]


def _unknown_key(key: str, known: list[str]) -> str:
    return f"unknown key {key!r}; {known_values(key, known)}"


def _options(context: dict[str, Any]) -> list[str]:
    """The options in pydantic's «'a', 'b' or 'c'»."""
    return [part for part in str(context.get("expected", "")).split("'")[1::2] if part]


def _known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys of the model that `loc` leads to, starting at `model`."""
    at: object = model
    for part in loc:
        if isinstance(part, str) and isinstance(at, type) and issubclass(at, BaseModel):
            at = _inner(at.model_fields[part].annotation)
    return [k for k in at.model_fields if k not in _ELSEWHERE.get(at, ())] if isinstance(at, type) and issubclass(at, BaseModel) else []


def _inner(annotation: object) -> object:
    """The model inside `X | None`, `tuple[X, ...]` or `dict[str, X]`, else the annotation itself."""
    models = [_inner(a) for a in get_args(annotation)] if get_origin(annotation) else []
    if not models:
        return annotation
    return next((m for m in models if isinstance(m, type) and issubclass(m, BaseModel)), annotation)
