"""The small parts of the edge: routes, limits, caches, times, pointers."""

import asyncio
import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument, QuotaExceeded
from gateway.auth.cache import Cache
from gateway.errors import MethodNotAllowed, RouteNotFound
from gateway.ingest import times
from gateway.keys.domain import hash_of, new_secret
from gateway.limits import Limiter
from gateway.links import location
from gateway.pointers import pointer
from gateway.routing import Router


@pytest.fixture
def router() -> Router[str]:
    router: Router[str] = Router()
    for method, template in {
        ("GET", "/v1/orders"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/orders/{order_id}"),
        ("POST", "/v1/orders/{order_id}:pay"),
        ("POST", "/v1/orders:import"),
        ("GET", "/v1/orders/top"),
        ("GET", "/v1/people/{person}/tags/{tag}"),
    }:
        router.add(method, template, f"{method} {template}")
    return router


@pytest.mark.parametrize(
    ("method", "path", "template", "values"),
    [
        ("GET", "/v1/orders", "/v1/orders", {}),
        ("HEAD", "/v1/orders/7", "/v1/orders/{order_id}", {"order_id": "7"}),
        ("POST", "/v1/orders/7:pay", "/v1/orders/{order_id}:pay", {"order_id": "7"}),
        ("GET", "/v1/orders/7:else", "/v1/orders/{order_id}", {"order_id": "7:else"}),
        ("GET", "/v1/orders/7%3Apay", "/v1/orders/{order_id}", {"order_id": "7:pay"}),
        ("POST", "/v1/orders:import", "/v1/orders:import", {}),
        ("GET", "/v1/orders/top", "/v1/orders/top", {}),
        ("GET", "/v1/orders/a%2Fb%20%E6%B3%A2", "/v1/orders/{order_id}", {"order_id": "a/b 波"}),
        ("GET", "/v1/people/1/tags/2", "/v1/people/{person}/tags/{tag}", {"person": "1", "tag": "2"}),
    ],
)
def test_a_path_finds_its_route(router: Router[str], method: str, path: str, template: str, values: dict[str, str]):
    match = router.find(method, path)

    assert match.answer.endswith(" " + template)
    assert match.values == values


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/orders/", "/v1//orders", "/V1/orders", "/v1/people/1/tags", "/v1/orders/7/x"]
)
def test_a_path_that_is_none_finds_nothing(router: Router[str], path: str):
    with pytest.raises(RouteNotFound):
        router.find("GET", path)


def test_a_method_that_is_none_is_told_which_are(router: Router[str]):
    with pytest.raises(MethodNotAllowed) as told:
        router.find("DELETE", "/v1/orders")

    assert told.value.metadata == {"allow": "GET, HEAD, OPTIONS, POST"}


def test_bytes_that_are_no_text_are_refused(router: Router[str]):
    with pytest.raises(InvalidArgument):
        router.find("GET", "/v1/orders/%FF")


def test_one_route_cannot_be_added_twice(router: Router[str]):
    with pytest.raises(ValueError, match="twice"):
        router.add("GET", "/v1/orders/{other}", "x")


@given(rate=st.floats(0.5, 100), burst=st.integers(1, 20), gaps=st.lists(st.floats(0, 1), max_size=60))
def test_a_limiter_never_lets_more_through_than_burst_and_rate(rate: float, burst: int, gaps: list[float]):
    now = 0.0
    limiter = Limiter(rate, burst, monotonic=lambda: now)
    admitted: list[float] = []
    waits: list[float] = []

    for gap in gaps:
        now += gap
        try:
            limiter.admit("a")
            admitted.append(now)
        except QuotaExceeded as refusal:
            waits.append(refusal.retry_after or 0)

    assert all(wait > 0 for wait in waits)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            allowed = burst + rate * (admitted[last] - admitted[first]) + 1e-6
            assert last - first + 1 <= allowed


def test_whoever_waits_as_told_is_let_in():
    now = 0.0
    limiter = Limiter(2, 1, monotonic=lambda: now)
    limiter.admit("a")
    with pytest.raises(QuotaExceeded) as told:
        limiter.admit("a")

    limiter.admit("b")
    now += told.value.retry_after or 0
    limiter.admit("a")


def test_a_limiter_forgets_the_oldest_key_first():
    limiter = Limiter(0.001, 1, keys_max=2, monotonic=lambda: 0.0)
    for key in "abc":
        limiter.admit(key)

    limiter.admit("a")
    with pytest.raises(QuotaExceeded):
        limiter.admit("c")


async def test_a_value_is_looked_up_once_at_a_time_and_again_after_its_time():
    now, look_ups = 0.0, 0

    async def look_up() -> int:
        nonlocal look_ups
        look_ups += 1
        await asyncio.sleep(0)
        return look_ups

    cache: Cache[str, int] = Cache(2, monotonic=lambda: now)

    assert await asyncio.gather(*(cache.load("a", look_up, 1.0) for _ in range(5))) == [1] * 5
    now = 0.99
    assert await cache.load("a", look_up, 1.0) == 1
    now = 1.0
    assert await cache.load("a", look_up, 1.0) == 2


async def test_a_look_up_that_fails_is_not_remembered():
    cache: Cache[str, int] = Cache(2)

    async def fail() -> int:
        raise OSError

    async def work() -> int:
        return 7

    with pytest.raises(OSError):  # noqa: PT011
        await cache.load("a", fail, 1.0)
    assert await cache.load("a", work, 1.0) == 7


def test_a_cache_never_holds_more_than_fits():
    cache: Cache[int, int] = Cache(3)
    for number in range(10):
        cache.put(number, number, 60)

    assert [cache.get(number) for number in (6, 7, 9)] == [None, 7, 9]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-22T00:52:06.458+00:00", "2026-11-22T00:52:06.458Z"),
        ("2026-11-22T00:52:06Z", "2026-11-22T00:52:06Z"),
        ("2026-11-22T08:52:06.123456789+0800", "2026-11-22T00:52:06.123456789Z"),
        ("2026-11-21T19:22:06.1-05:30", "2026-11-22T00:52:06.100Z"),
        ("2026-11-22 00:52:06", "2026-11-22T00:52:06Z"),
        ("2026-11-22T00:52Z", "2026-11-22T00:52:00Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z"),
    ],
)
def test_times_of_sdks_are_read(text: str, told: str):
    assert times.parse(text).ToJsonString() == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "20261122",
        5,
        None,
        "0001-01-01T00:00:00Z",
        "2026-01-01T00:00:00+99:00",
    ],
)
def test_what_is_no_time_is_refused(text: object):
    with pytest.raises(ValueError, match="is "):
        times.parse(text)


@given(st.integers(-(2**35), 2**37), st.integers(0, 999_999_999))
def test_every_time_reads_as_it_was_written(seconds: int, nanos: int):
    stamp = Timestamp(seconds=seconds, nanos=nanos)

    assert times.parse(stamp.ToJsonString()) == stamp


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", ""),
        ("a", "/a"),
        ("a.b", "/a/b"),
        ("lines[1].sku", "/lines/1/sku"),
        ("a[0][1]", "/a/0/1"),
        ("/x.y", "/x.y"),
        ("a~b", "/a~0b"),
    ],
)
def test_a_path_becomes_a_pointer(path: str, told: str):
    assert pointer(path) == told


def test_a_target_keeps_everything_of_its_own():
    assert location("https://a.example", "t", "v") == "https://a.example/?bowen_touch=t&bowen_visitor=v"
    assert location("http://a.example:8/x;y?q=%2F&q=2#f?g", "t", "v").startswith(
        "http://a.example:8/x;y?q=%2F&q=2&bowen_touch=t"
    )
    assert location("https://a.example/x y\r\nset-cookie:1", "t", "v").isprintable()


def test_a_key_is_long_and_its_hash_is_not_the_key():
    keys = {new_secret("bk_") for _ in range(1000)}

    assert len(keys) == 1000
    assert {len(key) for key in keys} == {35}
    assert len(hash_of(next(iter(keys)))) == 32


async def test_a_cache_in_real_time_forgets():
    cache: Cache[str, int] = Cache(2)
    cache.put("a", 1, 0.01)
    until = time.monotonic() + 30

    while cache.get("a") is not None:
        assert time.monotonic() < until
        await asyncio.sleep(0)
