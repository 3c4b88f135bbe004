"""JSON text that every reader can take."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import jsontext

NUL, RANGE, DIGITS = "must not hold a NUL character", "must not hold a number beyond", "must not hold a number with so"

numbers = st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
values = st.recursive(st.none() | st.booleans() | numbers | texts, lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(texts, values, max_size=5), st.booleans())
def test_whatever_doubles_and_texts_can_say_is_taken(content, ascii_only):
    assert jsontext.fault(json.dumps(content, ensure_ascii=ascii_only)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (r'{"a":"\u0000"}', NUL),
        (r'{"\u0000":1}', NUL),
        (r'{"a":["b\\\u0000"]}', NUL),
        ('{"a":[1e400]}', RANGE),
        ("{" + f'"a":{"9" * 5000}' + "}", RANGE),
        ('{"a":1e-20000}', DIGITS),
        ('{"a":"x\\"","b":1E-0020000}', DIGITS),
        ('{"a":0.' + "1" * 20_000 + "}", DIGITS),
    ],
)
def test_what_other_readers_choke_on_is_told(text, told):
    assert str(jsontext.beyond(text)).startswith(told)
    assert jsontext.fault(text)


@pytest.mark.parametrize(
    "text", [r'{"a":"\\u0000"}', '{"a":"1e9999"}', '{"a":"' + "1" * 500 + '"}', '{"a":1E+0005}', '{"a":1e-300}']
)
def test_what_only_looks_like_it_is_taken(text):
    assert jsontext.fault(text) is None


@pytest.mark.parametrize("text", ["[1]", "1", "", "{", '{"a":' + "[" * 3000 + "]" * 3000 + "}"])
def test_what_is_no_object_is_told(text):
    assert jsontext.fault(text) == jsontext.NO_OBJECT


@pytest.mark.parametrize("piece", ["\\\\", '\\"', "\\u0000", '"', "1e99", "0" * 299 + "x"])
def test_no_text_takes_long(piece):
    text = '{"a":"' + piece * (200_000 // len(piece)) + "1e999"
    begun = time.process_time()

    jsontext.beyond(text)

    assert time.process_time() - begun < 1
