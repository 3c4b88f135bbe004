"""The document: valid, whole, and true to what the routes do."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from chassis import rules
from chassis.errors import InvalidArgument
from gateway import handwritten, openapi
from gateway.derive import contract as contracts
from gateway.derive.contract import REQUEST_ID, message_class
from gateway.derive.readers import Readers, encode
from gateway.derive.requests import Requests
from gateway.docs import PAGE
from tests.unit.gateway.messages import messages

CONTRACT = contracts.load()
DOCUMENT = openapi.document(CONTRACT, handwritten.paths(), url="https://api.example")
READERS = Readers()
OPERATIONS = [(path, verb, operation) for path, item in DOCUMENT["paths"].items() for verb, operation in item.items()]
QUICK = settings(max_examples=10, suppress_health_check=list(HealthCheck), deadline=None)


def test_the_document_is_valid_openapi_3_1():
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_and_scope_stands_in_the_document():
    told = {
        (verb.upper(), path): operation["x-scope"] for path, verb, operation in OPERATIONS if "x-scope" in operation
    }

    assert told == {(route.verb, route.template): route.edge.scope for route in CONTRACT.routes}


def test_every_element_is_described():
    assert [path for path, _, operation in OPERATIONS if not operation["summary"]] == []
    parameters = [one for _, _, operation in OPERATIONS for one in operation.get("parameters", [])]
    assert [one["name"] for one in parameters if not one["description"]] == []


def test_operations_have_names_of_their_own():
    names = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert len(set(names)) == len(names)


def test_rules_of_the_contract_are_constraints_of_the_schema():
    body = DOCUMENT["paths"]["/v1/partners"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert body["additionalProperties"] is False
    assert "request_id" not in body["required"]
    assert body["properties"]["name"]["maxLength"] == 100
    assert "STORE" in body["properties"]["role"]["enum"]
    assert "UNSPECIFIED" not in body["properties"]["role"]["enum"]


def test_the_page_loads_nothing_from_elsewhere():
    page = PAGE.read_text()

    assert "http://" not in page
    assert "https://" not in page
    assert 'fetch("/openapi.json")' in page


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": DOCUMENT["components"]}


@pytest.mark.parametrize("route", CONTRACT.routes, ids=lambda route: route.method.name)
@QUICK
@given(data=st.data())
def test_what_a_reader_writes_fits_the_schema(route: Any, data: Any):
    responses = DOCUMENT["paths"][route.template][route.verb.lower()]["responses"]
    schema = responses[str(route.edge.success or 200)]["content"]["application/json"]["schema"]
    message = data.draw(messages(route.output))

    told = json.loads(encode(READERS.reader(route.output)(message)))

    jsonschema.Draft202012Validator(resolved(schema)).validate(told)


@pytest.mark.parametrize(
    "route", [route for route in CONTRACT.routes if route.has_body], ids=lambda route: route.method.name
)
@QUICK
@given(data=st.data())
def test_what_the_contract_allows_the_schema_allows(route: Any, data: Any):
    operation = DOCUMENT["paths"][route.template][route.verb.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    message = data.draw(messages(route.input, without=route.parameters))
    body = json.loads(encode(READERS.reader(route.input)(message)))
    body = {name: value for name, value in body.items() if name not in route.parameters}

    jsonschema.Draft202012Validator(resolved(schema)).validate(body)


def test_the_example_of_a_transfer_is_an_award():
    body = DOCUMENT["paths"]["/v1/ledger/transfers"]["post"]["requestBody"]["content"]["application/json"]

    (transfer,) = body["example"]["transfers"]
    assert transfer["debit_account"] == "issuer/welcome"
    assert transfer["credit_account"].startswith("member/")


@pytest.mark.parametrize(
    "route", [route for route in CONTRACT.routes if route.has_body], ids=lambda route: route.method.name
)
def test_every_body_has_an_example_that_the_edge_and_the_rules_accept(route: Any):
    content = DOCUMENT["paths"][route.template][route.verb.lower()]["requestBody"]["content"]["application/json"]
    body = json.dumps(content["example"]).encode()

    message = message_class(route.input)(**Requests().decoder(route.input, without=route.parameters).kwargs(body))

    jsonschema.Draft202012Validator(resolved(content["schema"])).validate(content["example"])
    assert [place for place, _ in violations(message) if place not in {REQUEST_ID, *route.parameters}] == []


def violations(message: Any) -> list[tuple[str, str]]:
    try:
        rules.check(message)
    except InvalidArgument as refusal:
        return list(refusal.violations)
    return []
