"""Conditions: what each comparison means for values that are there, missing, or of another type."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tagging.rules.domain import Fact, View, compile_condition
from services.tagging.rules.errors import RuleInvalid
from services.tagging.segments.domain import compile_expression
from services.tagging.segments.errors import ExpressionInvalid

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)


def holds(tree: dict[str, Any], attributes: dict[str, Any] | None = None, **facts: list[Fact]) -> bool:
    view = View(attributes or {}, facts, NOON)
    return compile_condition(json.dumps(tree)).holds(view)


def attr(op: str, value: object = None, path: str = "city") -> dict[str, Any]:
    body = {"path": path, "op": op} | ({} if value is None else {"value": value})
    return {"attr": body}


def event(**fields: object) -> dict[str, Any]:
    return {"event": {"name": "e", "agg": "count", "op": "ge", "value": 1} | fields}


@pytest.mark.parametrize(
    ("tree", "city", "expected"),
    [
        (attr("eq", "上海"), "上海", True),
        (attr("eq", "ＡＢＣ"), "abc", True),
        (attr("eq", 30), "30", False),
        (attr("eq", "30"), 30, False),
        (attr("eq", 1), True, False),
        (attr("eq", 30), 30.0, True),
        (attr("ne", "上海"), "北京", True),
        (attr("gt", 3), 3, False),
        (attr("ge", 3), 3, True),
        (attr("lt", "b"), "a", True),
        (attr("gt", 3), "4", False),
        (attr("between", [1, 3]), 3, True),
        (attr("between", [1, 3]), 4, False),
        (attr("in", ["a", "b"]), "B", True),
        (attr("nin", ["a", "b"]), "c", True),
        (attr("exists"), "", True),
        (attr("missing"), "", False),
        (attr("contains", "hai"), "Shanghai", True),
        (attr("starts_with", "shang"), "Shanghai", True),
        (attr("ends_with", "HAI"), "Shanghai", True),
        (attr("has_any", ["x", "y"]), ["y", "z"], True),
        (attr("has_all", ["y", "z"]), ["y", "z", "x"], True),
        (attr("has_all", ["y", "q"]), ["y", "z"], False),
        (attr("has_none", ["q"]), ["y"], True),
    ],
)
def test_a_comparison_of_a_value_that_is_there(tree: dict[str, Any], city: object, expected: bool) -> None:
    assert holds(tree, {"city": city}) is expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("eq", "x", False), ("ne", "x", True), ("gt", 1, False), ("le", 1, False), ("in", ["x"], False),
        ("nin", ["x"], True), ("exists", None, False), ("missing", None, True), ("contains", "x", False),
        ("has_any", ["x"], False), ("has_none", ["x"], True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("attributes", [{}, {"city": None}])
def test_a_positive_comparison_with_a_missing_value_is_false_and_its_complement_true(
    op: str, value: object, expected: bool, attributes: dict[str, Any]
) -> None:
    assert holds(attr(op, value), attributes) is expected


def test_a_path_leads_into_objects_and_ends_where_there_is_none() -> None:
    assert holds(attr("eq", "上海", "address.city"), {"address": {"city": "上海"}})
    assert not holds(attr("eq", "上海", "address.city"), {"address": "上海"})


@given(st.lists(st.integers(0, 200), max_size=12), st.integers(1, 100), st.integers(0, 5))
def test_a_sliding_window_counts_what_lies_after_its_start_up_to_now(hours: list[int], last: int, least: int) -> None:
    facts = sorted(Fact(NOON - timedelta(hours=hour - 50), {}) for hour in hours)
    tree = {"event": {"name": "e", "window": {"last": f"{last}h"}, "agg": "count", "op": "ge", "value": least}}

    assert holds(tree, e=facts) is (sum(0 <= hour - 50 < last for hour in hours) >= least)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=10), st.integers(1, 40), st.integers(0, 6))
def test_between_two_changes_a_condition_keeps_its_truth(minutes: list[int], last: int, least: int) -> None:
    facts = {"e": sorted(Fact(NOON + timedelta(minutes=minute), {}) for minute in minutes)}
    tree = {"event": {"name": "e", "window": {"last": f"{last}m"}, "agg": "count", "op": "eq", "value": least}}
    condition = compile_condition(json.dumps(tree))
    moments = [NOON + timedelta(minutes=minute) for minute in range(150)]

    for before, after in pairwise(moments):
        change = condition.next_change(View({}, facts, before))
        if change is None or change > after:
            assert condition.holds(View({}, facts, before)) is condition.holds(View({}, facts, after))


def test_where_counts_only_the_events_whose_properties_fit() -> None:
    facts = [Fact(NOON, {"total": 10}), Fact(NOON, {"total": 99}), Fact(NOON, {})]
    where = [{"path": "total", "op": "ge", "value": 50}]
    tree = {"event": {"name": "e", "where": where, "agg": "count", "op": "eq", "value": 1}}

    assert holds(tree, e=facts)


def test_did_not_is_a_count_of_zero() -> None:
    tree = {"event": {"name": "e", "window": {"last": "7d"}, "agg": "count", "op": "eq", "value": 0}}

    assert holds(tree)
    assert not holds(tree, e=[Fact(NOON, {})])


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({}, "$"),
        ({"v": 2, "const": True}, "$.v"),
        ({"all": []}, "$.all"),
        ({"all": [{"const": 1}]}, "$.all[0].const"),
        ({"xor": []}, "$.xor"),
        ({"attr": {"path": "a", "op": "like", "value": "x"}}, "$.attr.op"),
        ({"attr": {"path": "a", "op": "gt", "value": True}}, "$.attr.value"),
        ({"attr": {"path": "a", "op": "in", "value": []}}, "$.attr.value"),
        ({"attr": {"path": "a", "op": "exists", "value": 1}}, "$.attr.value"),
        ({"attr": {"op": "eq", "value": 1}}, "$.attr.path"),
        ({"attr": {"path": "a", "op": "eq", "value": 1, "x": 1}}, "$.attr.x"),
        (event(name=""), "$.event.name"),
        (event(agg="sum"), "$.event.agg"),
        (event(value=-1), "$.event.value"),
        (event(window={"last": "400d"}), "$.event.window.last"),
        (event(window={"since": "2026"}), "$.event.window.since"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"const": True}}}}}}}}}, "$" + ".not" * 8),
    ],
)  # fmt: skip
def test_a_tree_that_is_not_valid_is_refused_at_its_path(tree: dict[str, Any], path: str) -> None:
    with pytest.raises(RuleInvalid) as refusal:
        compile_condition(json.dumps(tree))

    assert refusal.value.metadata["path"] == path


def test_a_tree_may_have_two_hundred_leaves_and_no_more() -> None:
    leaf = {"tag": {"key": "a"}}

    assert compile_expression(json.dumps({"any": [leaf] * 200})).keys == {"a"}
    with pytest.raises(ExpressionInvalid):
        compile_expression(json.dumps({"any": [leaf] * 201}))


def test_a_segment_is_an_algebra_of_tags() -> None:
    tree = {"all": [{"tag": {"key": "a"}}, {"not": {"any": [{"tag": {"key": "b"}}, {"tag": {"key": "c"}}]}}]}
    expression = compile_expression(json.dumps(tree))

    assert expression.holds({"a"})
    assert not expression.holds({"a", "c"})
    assert not expression.holds(set())
