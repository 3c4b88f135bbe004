"""Shoppers' tokens: signed by the mall, good for one profile."""

import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from chassis.ids import new_id
from tests.service.gateway.conftest import Door, Start
from tests.service.gateway.peers import Components

PROFILE, OTHER = str(new_id())[:-1] + "0", str(new_id())[:-1] + "1"
KEYS = {
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "Ed25519"}),
}
IN_A_HUNDRED_YEARS = 4_900_000_000
JWKS = json.dumps(KeySet(list(KEYS.values())).as_dict(private=False))
SETTINGS = {
    "jwks": JWKS,
    "jwt_issuer": "https://mall.example",
    "jwt_audience": "bowen",
    "cors_origins": ("https://mall.example",),
}


def token(algorithm: str = "ES256", key: Any = None, **changes: Any) -> dict[str, str]:
    claims = {"iss": "https://mall.example", "aud": "bowen", "sub": PROFILE, "exp": int(time.time()) + 300, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    signed = jwt.encode({"alg": algorithm, "kid": algorithm}, claims, key or KEYS[algorithm], algorithms=[algorithm])
    return {"authorization": f"Bearer {signed}"}


@pytest.fixture
async def door(start: Start) -> Door:
    opened: Door = await start(**SETTINGS)
    return opened


@pytest.mark.parametrize("algorithm", sorted(KEYS))
async def test_a_shopper_sees_the_own_profile(door: Door, components: Components, algorithm: str):
    first = await door.get(f"/v1/profiles/{PROFILE}", headers=token(algorithm))
    again = await door.get(f"/v1/profiles/{PROFILE}", headers=token(algorithm))

    assert (first.status_code, again.status_code) == (200, 200)
    caller = components.callers("GetProfile")[0]
    assert (caller.principal, caller.profile_id, caller.scopes) == (f"shopper:{PROFILE}", PROFILE, frozenset())


async def test_a_shopper_sees_nobody_else(door: Door, components: Components):
    path = await door.get(f"/v1/profiles/{OTHER}", headers=token())
    body = {"target_url": "https://mall.example/p", "sharer_profile_id": OTHER, "request_id": "r"}
    share = await door.post("/v1/share-links", json=body, headers=token())
    own = await door.post("/v1/share-links", json={**body, "sharer_profile_id": PROFILE}, headers=token())

    assert (path.status_code, share.status_code, own.status_code) == (403, 403, 201)
    assert len(components.asked("CreateShareLink")) == 1
    assert components.asked("GetProfile") == []


async def test_a_shopper_gets_nothing_from_routes_for_keys(door: Door):
    response = await door.get("/v1/profiles:lookup?type=phone&value=1", headers=token())

    assert response.status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"iss": "https://else.example"},
        {"iss": None},
        {"aud": "else"},
        {"nbf": IN_A_HUNDRED_YEARS},
        {"sub": "not-a-profile"},
        {"sub": None},
        {"sub": 7},
    ],
    ids=str,
)
async def test_a_token_with_claims_that_do_not_hold_is_refused(door: Door, changes: dict[str, Any]):
    response = await door.get(f"/v1/profiles/{PROFILE}", headers=token(**changes))

    assert response.status_code == 401


async def test_a_token_that_somebody_else_signed_is_refused(door: Door):
    foreign = token("ES256", ECKey.generate_key("P-256", {"kid": "ES256"}))
    good = token()["authorization"]
    head, body, signature = good.removeprefix("Bearer ").split(".")
    unsigned = "eyJhbGciOiJub25lIn0." + body + "."

    for authorization in (
        foreign["authorization"],
        f"Bearer {unsigned}",
        f"Bearer {head}.{body}x.{signature}",
        "Bearer a.b.c",
    ):
        response = await door.get(f"/v1/profiles/{PROFILE}", headers={"authorization": authorization})
        assert response.status_code == 401, authorization


async def test_without_a_key_set_there_are_no_shoppers(start: Start):
    door = await start()

    assert (await door.get(f"/v1/profiles/{PROFILE}", headers=token())).status_code == 401


async def test_a_page_of_the_mall_may_read_what_shoppers_may(door: Door):
    url, origin = f"/v1/profiles/{PROFILE}", {"origin": "https://mall.example"}
    asks = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}

    preflight = await door.options(url, headers={**origin, **asks})
    read = await door.get(url, headers={**origin, **token()})
    refused = await door.get(url, headers=origin)
    foreign = await door.get(url, headers={"origin": "https://evil.example", **token()})
    closed = await door.options("/v1/orders", headers={**origin, "access-control-request-method": "POST"})

    assert preflight.headers["access-control-allow-origin"] == "https://mall.example"
    assert "Authorization" in preflight.headers["access-control-allow-headers"]
    assert read.headers["access-control-allow-origin"] == "https://mall.example"
    assert refused.headers["access-control-allow-origin"] == "https://mall.example"
    assert "access-control-allow-origin" not in foreign.headers
    assert foreign.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in closed.headers
