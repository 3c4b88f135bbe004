"""The rules of a contract hold for every message, and each violation names its field and its rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import rules
from chassis.errors import InvalidArgument
from tests import trial
from tests.trial import Line, Ruled

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"


def a_message(**changes):
    values = {"name": "Anna", "color": 1, "tags": ["x"], "time": {"seconds": 1}} | changes
    return Ruled(**{name: value for name, value in values.items() if value is not None})


def violations(message):
    try:
        rules.check(message)
    except InvalidArgument as refusal:
        return refusal.violations
    return []


def test_a_message_that_keeps_every_rule_passes():
    message = a_message(
        id=UUID,
        amount_minor=-5,
        floor=1,
        code="AB12",
        kind="b",
        data='{"a": [1, {"b": null}]}',
        lines=[Line(sku="s", quantity=99)],
        labels={"k": "v"},
        by_name={"n": Line(sku="s")},
        blob=b"1234",
        span={"seconds": -3},
        word="ab",
        rate=1.0,
        marks=[1, 5],
    )

    assert violations(message) == []


def test_an_empty_message_lacks_exactly_what_is_required():
    assert violations(Ruled()) == [
        ("name", "is required"),
        ("tags", "must have at least 1 item"),
        ("color", "is required"),
        ("time", "is required"),
    ]


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"id": "abc"}, "id", "must be a UUID in lower case with dashes"),
        ({"id": UUID.upper()}, "id", "must be a UUID in lower case with dashes"),
        ({"id": UUID + "\n"}, "id", "must be a UUID in lower case with dashes"),
        ({"name": "A"}, "name", "must have at least 2 characters"),
        ({"name": "Annabel"}, "name", "must have at most 5 characters"),
        ({"amount_minor": -6}, "amount_minor", "must be at least -5"),
        ({"amount_minor": 1001}, "amount_minor", "must be at most 1000"),
        ({"floor": 0}, "floor", "must be at least 1"),
        ({"code": "ab1"}, "code", "must match [A-Z]{2}[0-9]+"),
        ({"code": "AB1x"}, "code", "must match [A-Z]{2}[0-9]+"),
        ({"code": "AB٣"}, "code", "must match [A-Z]{2}[0-9]+"),
        ({"kind": "c"}, "kind", "must be one of a, b"),
        ({"data": "[1]"}, "data", "must be a JSON object"),
        ({"data": "{"}, "data", "must be a JSON object"),
        ({"data": '{"a": NaN}'}, "data", "must be a JSON object"),
        ({"data": '{"a": "\\ud800"}'}, "data", "must be a JSON object"),
        ({"data": '{"a":' * 3000 + "1" + "}" * 3000}, "data", "must be a JSON object"),
        ({"data": '{"a": "\\u0000"}'}, "data", "must not hold a NUL character"),
        ({"lines": [Line(sku="s")] * 4}, "lines", "must have at most 3 items"),
        ({"lines": [Line(sku="s"), Line(sku="s", quantity=100)]}, "lines[1].quantity", "must be at most 99"),
        ({"lines": [Line(sku="s", parts=[Line()])]}, "lines[0].parts[0].sku", "is required"),
        ({"tags": ["x", "abcd"]}, "tags[1]", "must have at most 3 characters"),
        ({"tags": ["x", "y", "z"]}, "tags", "must have at most 2 items"),
        ({"labels": {"a": "", "b": ""}}, "labels", "must have at most 1 item"),
        ({"labels": {"a": "\x00"}}, "labels.a", "must not hold a NUL character"),
        ({"by_name": {"n": Line()}}, "by_name.n.sku", "is required"),
        ({"color": 7}, "color", "must be a value of its enum"),
        ({"blob": b"12345"}, "blob", "must have at most 4 bytes"),
        ({"time": {"seconds": 1 << 60}}, "time", "must be a time within the years 1 to 9999"),
        ({"time": {"nanos": -1}}, "time", "must be a time within the years 1 to 9999"),
        ({"span": {"seconds": 1 << 60}}, "span", "must be a duration within 10000 years"),
        ({"word": "a"}, "word", "must have at least 2 characters"),
        ({"word": ""}, "word", "must have at least 2 characters"),
        ({"number": 10}, "number", "must be at most 9"),
        ({"note": "a\x00b"}, "note", "must not hold a NUL character"),
        ({"rate": 1.5}, "rate", "must be at most 1"),
        ({"rate": float("nan")}, "rate", "must be at least 0"),
        ({"marks": [1, 0]}, "marks[1]", "must be at least 1"),
    ],
)
def test_a_broken_rule_is_named_with_its_path(changes, path, rule):
    assert violations(a_message(**changes)) == [(path, rule)]


def test_all_violations_are_told_at_once():
    paths = [path for path, _ in violations(a_message(name=None, kind="c", lines=[Line(), Line(quantity=-1)]))]

    assert paths == ["name", "kind", "lines[0].sku", "lines[1].sku", "lines[1].quantity"]


def test_text_that_only_looks_like_an_escaped_nul_passes():
    assert violations(a_message(data='{"a": "\\\\u0000"}')) == []


@pytest.mark.parametrize("message", [trial.Wrong, trial.WrongPattern, trial.WrongBool, trial.WrongMap])
def test_a_rule_that_does_not_fit_its_field_is_refused_every_time(message):
    for _ in range(2):
        with pytest.raises(rules.RulesInvalid):
            rules.check(message())


@given(st.binary(max_size=200))
def test_no_bytes_that_parse_make_the_check_fail(data):
    message = Ruled()
    try:
        message.MergeFromString(data)
    except Exception:
        return

    violations(message)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_is_held_to_both_of_its_bounds(amount_minor):
    passes = violations(a_message(amount_minor=amount_minor)) == []

    assert passes == (-5 <= amount_minor <= 1000)
