"""Page sizes and tokens."""

import base64

import pytest
from bowen.incentive.v1 import ledger_service_pb2
from bowen.options.v1 import edge_pb2
from hypothesis import given
from hypothesis import strategies as st

from chassis import pagination
from chassis.errors import InvalidArgument
from chassis.pagination import TOKEN_LENGTH_MAX, after, cut, decode_token, encode_token, page_size, parse_id

KEYS = st.lists(st.text(max_size=50) | st.integers(-(2**63), 2**63 - 1), max_size=4)


@pytest.mark.parametrize(("requested", "granted"), [(0, 50), (1, 1), (200, 200), (201, 200), (2**31 - 1, 200)])
def test_a_page_holds_what_was_asked_for_within_bounds(requested: int, granted: int) -> None:
    assert page_size(requested) == granted


def test_a_negative_page_is_refused() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        page_size(-1)

    assert refusal.value.violations == [("page_size", "must not be negative")]


@given(key=KEYS, filter=st.binary(max_size=40))
def test_a_token_brings_back_its_key(key: list[str | int], filter: bytes) -> None:
    assert decode_token(encode_token(filter, key), filter) == key


@given(key=KEYS, filter=st.binary(max_size=40), other=st.binary(max_size=40))
def test_a_token_is_good_for_its_own_filter_only(key: list[str | int], filter: bytes, other: bytes) -> None:
    if filter != other:
        with pytest.raises(InvalidArgument):
            decode_token(encode_token(filter, key), other)


@given(token=st.text(min_size=1, max_size=100) | st.binary(min_size=1, max_size=60).map(bytes.hex))
def test_garbage_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        decode_token(token, b"")


@given(key=KEYS, data=st.data())
def test_a_token_that_was_changed_is_refused(key: list[str | int], data: st.DataObject) -> None:
    token = encode_token(b"", key)
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that mean nothing
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]

    with pytest.raises(InvalidArgument):
        decode_token(changed, b"")


def test_a_token_longer_than_any_of_ours_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        decode_token("A" * (TOKEN_LENGTH_MAX + 1), b"")


def test_no_token_is_the_first_page() -> None:
    assert decode_token("", b"any") is None


def test_a_message_is_a_filter_and_its_content_counts() -> None:
    token = encode_token(edge_pb2.Event(subject="a"), ["k"])

    assert decode_token(token, edge_pb2.Event(subject="a")) == ["k"]
    with pytest.raises(InvalidArgument):
        decode_token(token, edge_pb2.Event(subject="b"))


def test_a_key_that_is_not_of_the_list_is_refused_though_its_token_is_well_made() -> None:
    request = ledger_service_pb2.ListEntriesRequest(account="a")
    request.page_token = encode_token(request, ["no id"])

    with pytest.raises(InvalidArgument, match="page_token"):
        after(request, parse_id)


def test_a_page_is_cut_where_the_next_begins() -> None:
    request = ledger_service_pb2.ListEntriesRequest(account="a")

    page, token = cut(request, [1, 2, 3], 2, lambda number: [number])
    request.page_token = token

    assert (list(page), after(request, lambda key: key[0])) == ([1, 2], 2)
    assert cut(request, [1, 2], 2, lambda number: [number]) == ([1, 2], "")


def test_a_token_whose_key_is_no_json_is_refused_though_its_digest_fits() -> None:
    body = b"no json"
    token = base64.urlsafe_b64encode(pagination._digest(b"f", body) + body).rstrip(b"=").decode()

    with pytest.raises(InvalidArgument, match="page_token"):
        decode_token(token, b"f")
