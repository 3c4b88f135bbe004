"""What is derived from the contracts: both directions of every message, against protobuf's own JSON."""

import base64
import json
import time
from datetime import datetime
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.derive import contract as contracts
from gateway.derive.contract import message_class, rules_of
from gateway.derive.explain import explain
from gateway.derive.names import names, short_names
from gateway.derive.parameters import Parameters
from gateway.derive.readers import EXACT, Readers, encode
from gateway.derive.requests import Requests
from tests.unit.gateway.messages import messages

CONTRACT = contracts.load()
READERS, REQUESTS = Readers(), Requests()
BODIES = [route for route in CONTRACT.routes if route.has_body]
RESPONSES = {route.output.full_name: route.output for route in CONTRACT.routes}
QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)


def plain(value: Any, field: Any = None) -> Any:
    """Protobuf's own JSON in the words of the edge: short enum names, numbers up to 2^53, objects as objects."""
    if isinstance(value, list):
        return [plain(item, field) for item in value]
    if field is None or (field.message_type and isinstance(value, dict)):
        descriptor = value.pop("@") if field is None else field.message_type
        return {name: plain(item, descriptor.fields_by_name[name]) for name, item in value.items()}
    if field.enum_type:
        return names(field.enum_type)[field.enum_type.values_by_name[value].number] if isinstance(value, str) else value
    if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
        return int(value) if -EXACT < int(value) < EXACT else value
    if field.message_type:  # a time
        return datetime.fromisoformat(value)
    if rules_of(field).json_object:
        return json.loads(value) if value else {}
    return base64.b64decode(value) if field.type == field.TYPE_BYTES else value


def expected(message: Any) -> Any:
    told = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return plain({**told, "@": message.DESCRIPTOR})


def times(value: Any, descriptor: Any) -> Any:
    """JSON of the edge with its times as times, so that both can be compared."""
    result = {}
    for name, item in value.items():
        field = descriptor.fields_by_name[name]
        inner = field.message_type
        if inner is not None and inner.full_name == "google.protobuf.Timestamp":
            result[name] = (
                [datetime.fromisoformat(one) for one in item] if field.is_repeated else datetime.fromisoformat(item)
            )
        elif inner is not None:
            result[name] = [times(one, inner) for one in item] if field.is_repeated else times(item, inner)
        else:
            result[name] = item
    return result


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.method.name)
@QUICK
@given(data=st.data())
def test_a_request_goes_to_json_and_back_unchanged(route: Any, data: Any):
    message = data.draw(messages(route.input, without=route.parameters))
    text = encode(READERS.reader(route.input)(message))
    body = {name: value for name, value in json.loads(text).items() if name not in route.parameters}
    decoder = REQUESTS.decoder(route.input, without=route.parameters)

    again = message_class(route.input)(**decoder.kwargs(json.dumps(body).encode()))

    assert expected(again) == expected(message)


@pytest.mark.parametrize("descriptor", RESPONSES.values(), ids=lambda descriptor: descriptor.name)
@QUICK
@given(data=st.data())
def test_a_response_says_what_protobuf_s_json_says(descriptor: Any, data: Any):
    message = data.draw(messages(descriptor))

    told = json.loads(encode(READERS.reader(descriptor)(message)))

    assert times(told, descriptor) == expected(message)


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.method.name)
@QUICK
@given(data=st.data())
def test_what_the_fast_way_refuses_the_slow_way_explains(route: Any, data: Any):
    message = data.draw(messages(route.input, without=route.parameters))
    body = json.loads(encode(READERS.reader(route.input)(message)))
    spoilt = data.draw(st.sampled_from(sorted(body)))
    body[spoilt] = data.draw(st.sampled_from([None, "", [], {}, 1.5, -1, "x" * 5000, [None], True, 2**70]))
    text = json.dumps(body).encode()

    try:
        REQUESTS.decoder(route.input, without=route.parameters).kwargs(text)
    except (ValueError, TypeError):
        refusal = explain(text, route.input, dict.fromkeys(route.parameters))
        assert all(pointer.startswith("/") for pointer, _ in refusal.violations)
        assert refusal.violations
        assert "form that the contract" not in refusal.message


@settings(max_examples=300)
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_any_json_at_all_is_decoded_or_explained(body: Any):
    route = CONTRACT.route("PlaceOrder")
    text = json.dumps(body).encode()

    try:
        REQUESTS.decoder(route.input).kwargs(text)
    except (ValueError, TypeError, RecursionError):
        assert explain(text, route.input, {}).message


@settings(max_examples=300)
@given(body=st.binary(max_size=200))
def test_any_bytes_at_all_are_decoded_or_explained(body: bytes):
    route = CONTRACT.route("PlaceOrder")

    try:
        REQUESTS.decoder(route.input).kwargs(body)
    except (ValueError, TypeError, RecursionError):
        assert explain(body, route.input, {}).message


def test_an_enum_is_said_by_its_short_name_and_understood_by_both():
    route = CONTRACT.route("CreatePartner")
    role = route.input.fields_by_name["role"].enum_type
    decoder = REQUESTS.decoder(route.input)

    for text in ("STORE", "PARTNER_ROLE_STORE"):
        body = json.dumps({"role": text, "name": "n", "external_code": "c"}).encode()
        assert message_class(route.input)(**decoder.kwargs(body)).role == 1

    assert short_names(role)[1] == "STORE"
    assert names(role)[999] == 999


def test_every_route_has_a_scope_a_comment_and_a_name_of_its_own():
    bare = [route.method.name for route in CONTRACT.routes]

    assert [route.name for route in CONTRACT.routes if not route.edge.scope and not route.edge.public] == []
    assert [route.name for route in CONTRACT.routes if route.name not in CONTRACT.comments] == []
    assert len(set(bare)) == len(bare)


def test_every_reason_has_a_page():
    assert {"ROUTE_NOT_FOUND", "INVALID_ARGUMENT", "PROFILE_NOT_FOUND", "INTERNAL"} <= CONTRACT.reasons.keys()
    assert all(CONTRACT.reasons.values())


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("page_size", "1e3", "whole number"),
        ("page_size", "2147483648", "whole number"),
        ("page_size", " 1", "whole number"),
        ("page_size", "٣", "whole number"),
        ("start_time", "2026-01-01", "RFC 3339"),
        ("start_time", "2026-01-01T00:00:00", "RFC 3339"),
        ("start_time", "0001-01-01T00:00:00+14:00", "years 1 to 9999"),
        ("start_time", "9999-12-31T23:59:59-14:00", "years 1 to 9999"),
        ("pagesize", "1", "did you mean `page_size`"),
    ],
)
def test_a_query_that_breaks_the_contract_is_told_why(name: str, text: str, rule: str):
    from chassis.errors import InvalidArgument

    parameters = Parameters(CONTRACT.route("ListProfileEvents").input.fields)

    with pytest.raises(InvalidArgument) as told:
        parameters.read([(name, text)])

    assert told.value.violations[0][0] == name
    assert rule in told.value.violations[0][1]


def test_whoever_breaks_very_many_rules_is_told_soon():
    from chassis.errors import InvalidArgument

    order, page = CONTRACT.route("PlaceOrder").input, CONTRACT.route("ListOrders").input
    names = [f"order_i{number}" for number in range(50_000)]
    begun = time.process_time()

    of_body = explain(json.dumps(dict.fromkeys(names, 1)).encode(), order, {})
    with pytest.raises(InvalidArgument) as of_query:
        Parameters(page.fields).read([(name, "1") for name in names])

    assert (len(of_body.violations), len(of_query.value.violations)) == (100, 100)
    assert time.process_time() - begun < 1
