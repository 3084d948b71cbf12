"""GraphQL requests: read, bounded, checked against the schema, executed.

Belongs here: what a request may cost, and which errors are told. Does not belong here: the fields (resolvers.py), HTTP (routes.py).

Everything is refused before anything is executed: more than MOST_TOKENS, selections deeper than DEEPEST, several mutations or many
queries in one request. A request that can be read gets 200 and its errors in `errors`, as most servers of this kind answer.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
    value_from_ast_untyped,
)

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.advocate.resolvers import Asked, mutations, queries
from import_pipeline.gateway.http.refusals import Refusal, refusal_of

LOG = logging.getLogger(__name__)
MOST_TOKENS = 1_000
DEEPEST = 6
MOST_ROOT_FIELDS = 10
MOST_VALIDATIONS = 1
DEEPEST_INTROSPECTION = 3
"""How often a list of the schema's own fields may stand below another: each level multiplies the answer."""
_LISTS = ("fields", "inputFields", "interfaces", "possibleTypes", "args", "enumValues")
_MOST_ERRORS = 5
_LONGEST_MESSAGE = 1_000
_FAULT = "a fault of the service"


@dataclass(frozen=True)
class Question:
    """One request, as JSON or as the parameters of an address give it."""

    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation: str | None = None


@cache
def schema() -> GraphQLSchema:
    """The schema with its resolvers and scalars."""
    made = build_schema((Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"))
    for type_name, found in (("Query", queries()), ("Mutation", mutations())):
        of = made.type_map[type_name]
        assert isinstance(of, GraphQLObjectType)
        for name, resolve in found.items():
            of.fields[name].resolve = resolve
    millis, params = made.type_map["Millis"], made.type_map["JobParams"]
    assert isinstance(millis, GraphQLScalarType) and isinstance(params, GraphQLScalarType)
    # build_schema gives every scalar its own functions; these take their place.
    _speaks(millis, _millis, _millis_literal)
    _speaks(params, _as_is, value_from_ast_untyped)
    return made


def _speaks(scalar: GraphQLScalarType, value: Callable[[Any], Any], literal: Callable[..., Any]) -> None:
    functions = {"serialize": value, "parse_value": value, "parse_literal": literal}
    for name, function in functions.items():
        setattr(scalar, name, function)


def question_of(body: bytes) -> Question:
    """The question in a JSON body; Refusal 400 when there is none."""
    try:
        given = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON: {query, variables, operationName}") from None
    if not isinstance(given, dict):
        raise Refusal(400, "the body is not a JSON object: {query, variables, operationName}; one request at a time")
    return make_question(given.get("query"), given.get("variables"), given.get("operationName"))


def make_question(query: Any, variables: Any, operation: Any) -> Question:
    """A question from its parts; Refusal 400 when one is not what it must be."""
    if not isinstance(query, str) or not query.strip():
        raise Refusal(400, "query is missing: the text of a GraphQL request")
    if variables is not None and not isinstance(variables, dict):
        raise Refusal(400, "variables is an object")
    if operation is not None and not isinstance(operation, str):
        raise Refusal(400, "operationName is a text")
    return Question(query, variables or {}, operation or None)


def answer(question: Question, asked: Asked, *, reading_only: bool = False) -> dict[str, Any]:
    """The answer's body. With `reading_only` a mutation raises Refusal 405."""
    try:
        document = parse(question.query, max_tokens=MOST_TOKENS, no_location=False)
        _check_size(document)
        chosen = _operation(document, question.operation)
        if reading_only and chosen is not None and chosen.operation != OperationType.QUERY:
            raise Refusal(405, "a mutation is sent with POST")
        found = validate(schema(), document, max_errors=_MOST_ERRORS)
        if found:
            return {"errors": [_told(error) for error in found]}
        result = execute_sync(
            schema(), document, context_value=asked, variable_values=question.variables, operation_name=question.operation
        )
    except GraphQLError as error:
        return {"errors": [_told(error)]}
    except RecursionError:
        return {"errors": [{"message": "the request is nested too deep"}]}
    return _body(result, asked)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        return operations[0] if len(operations) == 1 else None
    return next((node for node in operations if node.name and node.name.value == name), None)


def _body(result: ExecutionResult, asked: Asked) -> dict[str, Any]:
    if not result.errors:
        return {"data": result.data}
    for error in result.errors:
        if error.original_error is not None and not isinstance(error.original_error, _TOLD):
            LOG.error("%s: %s in a GraphQL field", asked.request_id, type(error.original_error).__name__)
    return {"errors": [_told(error) for error in result.errors[:_MOST_ERRORS]], "data": result.data}


_TOLD = (Refusal, PermanentFailure, TransientFailure, GraphQLError)


def _told(error: GraphQLError) -> dict[str, Any]:
    """An error as it is answered. What a fault of ours says is not told: it may hold what others sent."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        message = error.message
    elif isinstance(original, Refusal):
        message = original.detail
    elif isinstance(original, (PermanentFailure, TransientFailure)):
        message = refusal_of(original).detail
    else:
        message = _FAULT
    told: dict[str, Any] = {"message": message[:_LONGEST_MESSAGE]}
    if error.locations:
        told["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        told["path"] = error.path
    return told


@dataclass(frozen=True)
class _Cost:
    """What a selection asks for: levels, levels of lists of the schema's own fields, and its fields by name."""

    depth: int = 0
    lists: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)


def _check_size(document: DocumentNode) -> None:
    """Raises GraphQLError for a request that asks for too much. Fragments count at every place where they are spread."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    known: dict[str, _Cost] = {}

    def of_fragment(name: str, open_: frozenset[str]) -> _Cost:
        # One that spreads itself is refused by the schema's rules afterwards; here it must only end.
        if name in open_ or name not in fragments:
            return _Cost()
        if name not in known:
            known[name] = of(fragments[name].selection_set, open_ | {name})
        return known[name]

    def of(selections: SelectionSetNode | None, open_: frozenset[str]) -> _Cost:
        depth, lists, names = 0, 0, dict[str, int]()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                below = of(node.selection_set, open_)
                name = node.name.value
                own = _Cost(1 + below.depth, below.lists + (name in _LISTS), {name: 1})
                if name.startswith("__"):
                    own = _Cost(1, own.lists, {name: 1})
            elif isinstance(node, FragmentSpreadNode):
                own = of_fragment(node.name.value, open_)
            else:
                assert isinstance(node, InlineFragmentNode)
                own = of(node.selection_set, open_)
            depth, lists = max(depth, own.depth), max(lists, own.lists)
            for name, n in own.fields.items():
                names[name] = min(names.get(name, 0) + n, MOST_TOKENS)
        return _Cost(depth, lists, names)

    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            _check(operation, of(operation.selection_set, frozenset()))


def _check(operation: OperationDefinitionNode, cost: _Cost) -> None:
    total = sum(cost.fields.values())
    if operation.operation == OperationType.MUTATION and total > 1:
        raise GraphQLError("one mutation a request: send the others in requests of their own", operation)
    if total > MOST_ROOT_FIELDS:
        raise GraphQLError(f"at most {MOST_ROOT_FIELDS} fields may be asked for in one request", operation)
    if sum(n for name, n in cost.fields.items() if name.startswith("validate")) > MOST_VALIDATIONS:
        raise GraphQLError("one validation a request: send the others in requests of their own", operation)
    if cost.depth > DEEPEST:
        raise GraphQLError(f"selections may be at most {DEEPEST} levels deep", operation)
    if cost.lists > DEEPEST_INTROSPECTION:
        raise GraphQLError("the schema is asked for in too many levels", operation)


def _millis(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**14:
        raise GraphQLError("a moment is a whole number of milliseconds since 1970")
    return value


def _millis_literal(node: Any, variables: Any = None) -> int:
    return _millis(value_from_ast_untyped(node, variables))


def _as_is(value: Any) -> Any:
    return value
