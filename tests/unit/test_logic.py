"""The language of conditions: total, and limited."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logic.attributes import compile_attribute
from logic.trees import TreeFault, compile_tree, parse_tree

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=5,
)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
COMPARISONS = st.one_of(
    st.tuples(st.sampled_from(["eq", "ne"]), SCALARS),
    st.tuples(st.sampled_from(["gt", "ge", "lt", "le"]), st.integers() | st.text(max_size=3)),
    st.tuples(st.sampled_from(["in", "nin", "has_any", "has_all", "has_none"]), st.lists(SCALARS, min_size=1)),
    st.tuples(st.sampled_from(["contains", "starts_with", "ends_with"]), st.text(min_size=1, max_size=3)),
)


def an_attr(op: str, value: object, path: str = "a") -> dict[str, object]:
    return {"attr": {"path": path, "op": op, "value": value}}


@given(COMPARISONS, st.dictionaries(st.sampled_from(["a", "b"]), VALUES))
def test_a_comparison_has_a_truth_value_whatever_it_meets(comparison, values):
    test = compile_tree(an_attr(*comparison), {"attr": compile_attribute})

    assert test(values) in (True, False)


def test_a_missing_attribute_is_false():
    assert not compile_tree(an_attr("eq", 1, "a.b"), {"attr": compile_attribute})({"a": {}})


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_compares_with_none(number):
    test = compile_tree(an_attr("gt", 1), {"attr": compile_attribute})

    assert not test({"a": number})


def test_operators_are_counted_with_what_joins_them():
    tree = {"all": [an_attr("eq", 1)] * 63}

    assert compile_tree(tree, {"attr": compile_attribute}, operators_max=64)({"a": 1})
    with pytest.raises(TreeFault, match="more than 64 operators"):
        compile_tree({"all": [an_attr("eq", 1)] * 64}, {"attr": compile_attribute}, operators_max=64)


@pytest.mark.parametrize("text", ["[" * 4000, '{"const": NaN}', "", "{"])
def test_a_text_that_is_not_json_is_a_fault(text):
    with pytest.raises(TreeFault, match="must be JSON"):
        parse_tree(text, 4096)


def test_a_text_is_measured_before_it_is_parsed():
    text = json.dumps({"const": True})

    assert parse_tree(text, len(text)) == {"const": True}
    with pytest.raises(TreeFault, match="longer than"):
        parse_tree(text, len(text) - 1)
