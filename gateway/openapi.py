"""The OpenAPI 3.1 document, derived from the same contracts as the routes it describes."""

import re
from contextlib import suppress
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from gateway.derive.contract import REQUEST_ID, Contract, Route, rules_of
from gateway.examples import Examples, NoExample
from gateway.schemas import Schema, Schemas

VERSION = "0.1.0"
_ERRORS = re.compile(r"^Errors:(.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)

_IDEMPOTENCY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Unique per caller. A repeat under the same key has one effect and gets the first answer. "
    "It becomes `request_id`; one of the two is required.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}

PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457. `type` is `/problems/<REASON>`: follow it for what the reason means.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/INVALID_ARGUMENT"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "trace_id": {"type": "string"},
    },
}


def document(contract: Contract, more_paths: dict[str, Schema], *, url: str = "") -> Schema:
    """The document of all routes; `more_paths` are those written by hand."""
    schemas = Schemas(contract.comments)
    paths: dict[str, Schema] = {}
    for route in contract.routes:
        paths.setdefault(route.template, {})[route.verb.lower()] = _operation(route, contract, schemas)
    for path, item in more_paths.items():
        paths.setdefault(path, {}).update(item)
    tags = {route.service: contract.comments.get(route.service, "") for route in contract.routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bowen",
            "version": VERSION,
            "description": "One profile per person across every channel; live tags and segments; incentives inside a "
            "budget; partner networks. JSON names are snake_case; integers beyond 2^53 are text; times are RFC 3339.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        **({"servers": [{"url": url}]} if url else {}),
        "tags": [{"name": _tag(name), "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, **dict(sorted(schemas.components.items()))},
            "responses": {"Problem": _problem("The request was refused.")},
            "securitySchemes": _SECURITY,
        },
    }


_SECURITY: Schema = {
    "api_key": {"type": "http", "scheme": "bearer", "description": "An API key, `bk_…`, with the operation's scope."},
    "shopper": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A shopper's token: opens the shopper's own profile, and nothing else.",
    },
    "write_key": {"type": "http", "scheme": "basic", "description": "A write key as user name, no password."},
}


def _operation(route: Route, contract: Contract, schemas: Schemas) -> Schema:
    comment = contract.comments.get(route.name, "")
    summary, _, rest = comment.partition("\n\n")
    edge = route.edge
    operation: Schema = {
        "operationId": route.method.name,
        "tags": [_tag(route.service)],
        "summary": summary.split(". ")[0].rstrip("."),
        "description": f"{comment}\n\nScope: `{edge.scope}`." if edge.scope else comment,
        "x-scope": edge.scope,
        "security": _security(route),
        "responses": {
            str(edge.success or 200): _success(route, schemas),
            **_refusals(route, rest),
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    parameters = _parameters(route, schemas)
    if parameters:
        operation["parameters"] = parameters
    if route.has_body:
        schema = schemas.request(route.input, without=route.parameters)
        content: Schema = {"schema": schema}
        with suppress(NoExample):
            content["example"] = Examples(contract.comments).message(route.input, without=route.parameters)
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _parameters(route: Route, schemas: Schemas) -> list[Schema]:
    found: list[Schema] = []
    for field in route.input.fields:
        if field.name in route.parameters:
            found.append({**_parameter(field, schemas), "in": "path", "required": True})
        elif not route.has_body and field.name != REQUEST_ID:
            found.append({**_parameter(field, schemas), "in": "query", "required": bool(rules_of(field).required)})
    return [*found, _IDEMPOTENCY] if route.takes_request_id else found


def _parameter(field: FieldDescriptor, schemas: Schemas) -> Schema:
    schema = schemas.field(field, is_input=True)
    description = schema.pop("description", "")
    return {"name": field.name, "description": description, "schema": schema}


def _success(route: Route, schemas: Schemas) -> Schema:
    response: Schema = {
        "description": "Done.",
        "content": {"application/json": {"schema": schemas.response(route.output)}},
    }
    if route.takes_request_id:
        replayed = {
            "description": "`true` when this is the answer to an earlier request.",
            "schema": {"type": "string"},
        }
        response["headers"] = {"Idempotency-Replayed": replayed}
    return response


def _refusals(route: Route, comment: str) -> dict[str, Schema]:
    told = _ERRORS.search(comment)
    found = {"400": _problem("A field breaks its rule; all of them are listed."), "429": _problem(_too_many(route))}
    if not route.edge.public:
        found["401"] = _problem("Credentials are missing or do not hold.")
        found["403"] = _problem(f"The scope `{route.edge.scope}` is missing, or the object is another's.")
    if told:
        for status in _STATUS:
            if status in told[1]:
                found[_STATUS[status]] = _problem(told[1].strip())
    return dict(sorted(found.items()))


def _too_many(route: Route) -> str:
    edge = route.edge
    if not edge.address_calls:
        return "Too many requests."
    return f"Too many requests: {edge.address_calls} of an address at once, and as many every {edge.address_seconds} s."


_STATUS = {"NOT_FOUND": "404", "ALREADY_EXISTS": "409", "FAILED_PRECONDITION": "422"}


def _problem(description: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _security(route: Route) -> list[dict[str, list[Any]]]:
    if route.edge.public:
        return [{}]
    keys: list[dict[str, list[Any]]] = [{"api_key": [route.edge.scope]}] if route.edge.scope else []
    return [*keys, {"shopper": []}] if route.edge.shopper else keys


def _tag(service: str) -> str:
    return service.rpartition(".")[2].removesuffix("Service")
