"""An order as a client sends it, to whichever server."""

import itertools
import json
from typing import Any

from bench import servers
from bench.harness import check
from bench.http import Http
from chassis.ids import new_id

_numbers = itertools.count(1)


def order(**fields: Any) -> dict[str, Any]:
    """A new order of four lines, about a kilobyte of JSON."""
    lines = [
        {
            "line_no": number,
            "sku": f"notebook-dotted-a5-{number:04}",
            "category": "stationery/notebooks/dotted",
            "quantity": number,
            "gross_minor": 1250 * number,
            "discount_minor": 50 * number,
        }
        for number in range(1, 5)
    ]
    number = f"order-{next(_numbers)}-{new_id()}"
    plain = {"order_number": number, "source": "bench", "buyer": {"profile_id": str(new_id())}, "currency_code": "CNY"}
    return plain | {"lines": lines} | fields


def post(http: Http, body: dict[str, Any]) -> bytes:
    """The request that places it. Its idempotency key is new."""
    return http.request(
        "POST",
        "/v1/orders",
        json.dumps(body).encode(),
        authorization=f"Bearer {servers.ROOT_KEY}",
        idempotency_key=str(new_id()),
    )


def get(http: Http) -> bytes:
    """The request that reads one."""
    return http.request("GET", f"/v1/orders/{new_id()}", authorization=f"Bearer {servers.ROOT_KEY}")


async def asked(http: Http, request: bytes) -> None:
    """Ask, and look at what comes: an order with all its lines."""
    status, body = await http.ask(request)
    check(status in (200, 201) and body.count(b'"sku"') == 4, f"{status} {body!r}")
