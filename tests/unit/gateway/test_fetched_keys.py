"""The issuer's keys at an address: fetched once for all who wait, kept while they cannot be had again."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from joserfc.jwk import ECKey, KeySet

from chassis.errors import Unavailable
from gateway.auth.tokens import FetchedKeys


class Issuer:
    """Publishes one key, and takes a few turns of the loop for it."""

    def __init__(self) -> None:
        self.kid, self.status, self.fetches, self.now = "one", 200, 0, 1000.0

    async def __call__(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        for _ in range(5):
            await asyncio.sleep(0)
        keys = KeySet([ECKey.generate_key("P-256", {"kid": self.kid})]).as_dict(private=False)
        return httpx.Response(self.status, json=keys)

    def keys(self) -> FetchedKeys:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return FetchedKeys("https://mall.example/jwks", client, monotonic=lambda: self.now)


def kids(found: list[KeySet]) -> set[str]:
    return {str(key.kid) for keys in found for key in keys.keys}


async def at_once(ask: Callable[[], object]) -> list[KeySet]:
    return list(await asyncio.gather(*(ask() for _ in range(8))))  # type: ignore[arg-type]


async def test_all_who_come_before_the_first_answer_get_it():
    issuer = Issuer()
    keys = issuer.keys()

    assert kids(await at_once(keys.current)) == {"one"}
    assert issuer.fetches == 1


async def test_all_who_need_newer_keys_get_them():
    issuer = Issuer()
    keys = issuer.keys()
    await keys.current()
    issuer.kid, issuer.now = "two", issuer.now + 60

    assert kids(await at_once(lambda: keys.current(newer=True))) == {"two"}
    assert issuer.fetches == 2


async def test_tokens_of_unknown_keys_do_not_make_the_issuer_be_asked_each_time():
    issuer = Issuer()
    keys = issuer.keys()

    for _ in range(20):
        await keys.current(newer=True)

    assert issuer.fetches == 1


async def test_what_was_fetched_holds_while_the_issuer_is_away():
    issuer = Issuer()
    keys = issuer.keys()
    await keys.current()
    issuer.status, issuer.now = 500, issuer.now + 1000

    assert kids([await keys.current()]) == {"one"}
    assert issuer.fetches == 2


async def test_without_any_keys_the_way_in_is_closed():
    issuer = Issuer()
    issuer.status = 500

    with pytest.raises(Unavailable):
        await issuer.keys().current()
