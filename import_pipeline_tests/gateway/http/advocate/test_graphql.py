"""GraphQL requests: what one may ask for, how errors are told, and that nothing makes the service break."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.requests import RequestsHTTPTransport
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from import_pipeline.gateway.http import advocate as room
from import_pipeline_tests.gateway.http.advocate.kit import CREATE, VALIDATE, Advocate

SCHEMA = (Path(room.__file__).parent / "schema.graphql").read_text()
QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
LARGE = settings(QUICK, max_examples=2_000)
WORDS = st.sampled_from(
    [
        *("{", "}", "(", ")", ":", "!", "$", "...", "@skip(if: true)", "query", "mutation", "subscription", "fragment f on Query", "f"),
        *("jobs", 'job(id: "x")', "createJob", 'jobInput: {type: "MUTATION/USER"}', "id", "data", "__schema", "types", "__typename"),
        *("#", '"""', "\ud800", "\x00"),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=40).map(" ".join), from_schema(SCHEMA))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["jobInput", "id", "filter", "AND", "params", "type"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.fixture
def client(advocate: Advocate) -> Any:
    """The package gql, which reads the schema from the service before it asks."""
    password = advocate.client.auth._auth_header  # type: ignore[union-attr]
    transport = RequestsHTTPTransport(f"{advocate.address}/api/v1/{advocate.tenant}/graphql", headers={"Authorization": password})
    return Client(transport=transport, fetch_schema_from_transport=True)


def test_a_client_reads_the_schema_and_asks_by_it(client: Any, advocate: Advocate) -> None:
    """The introspection query of a common package is answered in full."""
    ref = advocate.upload("accountId,id\nacme,gql\n")
    with client as session:
        assert set(client.schema.query_type.fields) == {"validateJobCreation", "validateJobInput", "job", "jobs"}
        assert set(client.schema.mutation_type.fields) == {"validateJobCreation", "validateJobInput", "createJob", "deleteJob"}
        variables = {"jobInput": {"fileRef": ref, "type": "MUTATION/USER"}}
        assert session.execute(gql(VALIDATE), variable_values=variables) == {"validateJobCreation": {"errors": []}}
        made = session.execute(gql(CREATE), variable_values=variables)["createJob"]
        found = session.execute(gql("query ($id: ID!) { job(id: $id) { status } }"), variable_values={"id": made["id"]})
        assert found == {"job": {"status": "PENDING"}}
        with pytest.raises(TransportQueryError, match="Did you mean 'MUTATION/USER'"):
            session.execute(gql(CREATE), variable_values={"jobInput": {"type": "MUTATION/USR"}})


def aliases(count: int, kind: str = "mutation") -> str:
    """One request with the same field many times."""
    field = 'createJob(jobInput: {type: "x"}) {id}' if kind == "mutation" else "jobs {count}"
    return f"{kind} {{ " + " ".join(f"a{n}: {field}" for n in range(count)) + " }"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (aliases(1_300), "more than 1000 tokens"),
        (aliases(2), "one mutation a request"),
        (
            "mutation { ...t } fragment t on Mutation { ... { a: deleteJob(id: 1) {deletedCount} } b: deleteJob(id: 2) {deletedCount} }",
            "one mutation",
        ),
        (aliases(11, "query"), "at most 10 fields"),
        (
            '{ a: validateJobCreation(jobInput: {type: "x"}) {errors} b: validateJobInput(jobInput: {type: "x"}) {errors} }',
            "one validation",
        ),
        ("{ jobs { data { stats { a { b { c { d } } } } } } }", "6 levels deep"),
        ("query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "Cannot spread fragment"),
        ("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }", "too many levels"),
        ("{ jobs { data { id } }", "Syntax Error"),
        ("{ jbs { count } }", "Did you mean 'jobs'"),
        ("subscription { jobs { count } }", "subscription"),
        ("query a { jobs { count } } query b { jobs { count } }", "operation name"),
        ("{" * 900, "Syntax Error"),
        ("[" * 900, "Syntax Error"),
    ],
)
def test_what_asks_for_too_much_or_nothing_is_refused_before_anything_is_done(advocate: Advocate, query: str, told: str) -> None:
    """A request that can be read gets 200, with its errors in words."""
    begun = time.monotonic()
    answer = advocate.ask(query)
    assert told.casefold() in answer["errors"][0]["message"].casefold() and not answer.get("data"), answer
    assert time.monotonic() - begun < 3


def test_three_thousand_creations_in_one_request_make_no_job(advocate: Advocate) -> None:
    """As small as they can be written; a body above 64 kB is not read at all."""
    before = advocate.data("{ jobs { totalCount } }")
    small = "mutation{" + "".join(f"a{n}:deleteJob(id:1){{deletedCount}}" for n in range(1_500)) + "}"
    assert "more than 1000 tokens" in advocate.refused(small)
    assert advocate.client.post("/graphql", json={"query": aliases(3000)}).status_code == 413
    assert advocate.data("{ jobs { totalCount } }") == before


@pytest.mark.parametrize(
    ("content", "status"),
    [
        *((content, 400) for content in (b"", b"{", b"[]", b"\xff", b"[" * 60_000, b'{"query": 1}')),
        (b'{"query": "{jobs{count}}", "variables": []}', 400),
        (b'{"query": "{jobs{count}}", "operationName": 5}', 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
    ],
    ids=range(9),
)
def test_a_body_that_is_no_request_is_refused(advocate: Advocate, content: bytes, status: int) -> None:
    """With a sentence that shows what one is."""
    answer = advocate.client.post("/graphql", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status and answer.json()["detail"]


def test_a_form_is_not_a_request(advocate: Advocate) -> None:
    """A page of a stranger can send forms with the browser's key, and no JSON."""
    assert advocate.client.post("/graphql", data={"query": "{jobs{count}}"}).status_code == 415


def test_get_answers_queries_and_never_executes_a_mutation(advocate: Advocate) -> None:
    """Links are followed by machines."""
    found = advocate.client.get("/graphql", params={"query": "query ($id: ID!) { job(id: $id) { id } }", "variables": '{"id": "x"}'})
    assert (found.status_code, found.json()) == (200, {"data": {"job": None}})
    both = "query a { jobs { count } } mutation b { deleteJob(id: 1) { deletedCount } }"
    assert advocate.client.get("/graphql", params={"query": both, "operationName": "a"}).status_code == 200
    for query, name in ((both, "b"), ("mutation { deleteJob(id: 1) { deletedCount } }", "")):
        answer = advocate.client.get("/graphql", params={"query": query, "operationName": name})
        assert answer.status_code == 405 and "POST" in answer.json()["detail"]
    assert advocate.client.get("/graphql", params={"query": "{jobs{count}}", "variables": "{"}).status_code == 400
    assert advocate.client.get("/graphql").status_code == 400


def test_variables_that_are_nested_deep_are_refused(advocate: Advocate) -> None:
    """Filters within filters, and params that are long."""
    deep: Any = {}
    for _ in range(300):
        deep = {"AND": [deep]}
    assert advocate.refused("query ($f: JobFilterInput) { jobs(filter: $f) { count } }", f=deep)
    written = "{ jobs(filter: " + "{AND: [" * 150 + "{}" + "]}" * 150 + ") { count } }"
    assert advocate.refused(written)


def ask_anything(advocate: Advocate, body: Any) -> None:
    """Any JSON body: an answer, and never a fault."""
    content = json.dumps(body).encode()
    answer = advocate.client.post("/graphql", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 413), answer.text
    assert "a fault of the service" not in answer.text, (body, answer.text)


@QUICK
@given(query=TEXTS, variables=VALUES)
@example(query="{ job(id: 99999999999999999999) { id } }", variables=None)
@example(query="{ jobs(limit: 5, filter: {dateCreated_gte: 99999999999999}) { count } }", variables=None)
@example(query="{ jobs(limit: null, offset: 2147483647, filter: {id_in: null, AND: []}) { count } }", variables=None)
@example(query='{ jobs(timeZoneOffset: "+23:59", filter: {dateCreated_timeframe: "previous_9999_years"}) { count } }', variables=None)
@example(
    query="query ($a: JobInput!) { validateJobInput(jobInput: $a) { errors } }",
    variables={"a": {"type": "MUTATION/USER", "fileRef": "\x00"}},
)
def test_no_text_makes_the_service_break(advocate: Advocate, query: str, variables: Any) -> None:
    """Texts, scraps of GraphQL, and requests that fit the schema, with any variables."""
    ask_anything(advocate, {"query": query, "variables": variables})


@pytest.mark.slow
@LARGE
@given(query=TEXTS, variables=VALUES)
def test_no_text_makes_the_service_break_for_long(advocate: Advocate, query: str, variables: Any) -> None:
    """The same, for longer."""
    ask_anything(advocate, {"query": query, "variables": variables})
