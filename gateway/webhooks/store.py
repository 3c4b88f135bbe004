"""Every statement on endpoints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from gateway.webhooks.domain import Endpoint
from gateway.webhooks.errors import WebhookEndpointNotFound

_COLUMNS = "endpoint_id, name, url, create_time, overlap_end_time, disable_time, recipient"
_ENDPOINT = f"SELECT {_COLUMNS} FROM webhook_endpoint"  # noqa: S608

_ROTATE = f"""
UPDATE webhook_endpoint SET sealed_before = sealed, sealed = $2, overlap_end_time = $3
WHERE endpoint_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608

_CHANGE = f"""
UPDATE webhook_endpoint SET name = coalesce(nullif($2, ''), name), url = coalesce(nullif($3, ''), url)
WHERE endpoint_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608

_DISABLE = f"""
UPDATE webhook_endpoint SET disable_time = coalesce(disable_time, $2) WHERE endpoint_id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608

_ENABLE = f"UPDATE webhook_endpoint SET disable_time = NULL WHERE endpoint_id = $1 RETURNING {_COLUMNS}"  # noqa: S608


class Sealed(NamedTuple):
    """Where to post and whose that is, and the secrets to sign with, the newest first."""

    url: str
    recipient: str
    boxes: Sequence[bytes]


async def insert_endpoint(tx: Tx, endpoint: Endpoint, sealed: bytes) -> None:
    """Add an endpoint with its sealed secret."""
    await (await driver(tx)).execute(
        "INSERT INTO webhook_endpoint (endpoint_id, name, url, create_time, recipient, sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        endpoint.endpoint_id,
        endpoint.name,
        endpoint.url,
        endpoint.create_time,
        endpoint.recipient,
        sealed,
    )


async def get_endpoint(tx: ReadTx, endpoint_id: UUID) -> Endpoint:
    """An endpoint. Raises `WebhookEndpointNotFound`."""
    return _found(await (await driver(tx)).fetchrow(f"{_ENDPOINT} WHERE endpoint_id = $1", endpoint_id), endpoint_id)


async def find_endpoints(tx: ReadTx, endpoint_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are endpoints."""
    rows = await (await driver(tx)).fetch(f"{_ENDPOINT} WHERE endpoint_id = ANY($1::uuid[])", endpoint_ids)
    return {row["endpoint_id"] for row in rows}


async def list_endpoints(tx: ReadTx, *, after: UUID, limit: int) -> list[Endpoint]:
    """Endpoints, oldest first."""
    query = f"{_ENDPOINT} WHERE endpoint_id > $1 ORDER BY endpoint_id LIMIT $2"
    return [Endpoint(*row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def change_endpoint(tx: Tx, endpoint_id: UUID, name: str, url: str) -> Endpoint:
    """Give an endpoint what is not empty. Raises `WebhookEndpointNotFound`."""
    return _found(await (await driver(tx)).fetchrow(_CHANGE, endpoint_id, name, url), endpoint_id)


async def disable_endpoint(tx: Tx, endpoint_id: UUID, now: datetime) -> Endpoint:
    """Post nothing to it from now on. Raises `WebhookEndpointNotFound`."""
    return _found(await (await driver(tx)).fetchrow(_DISABLE, endpoint_id, now), endpoint_id)


async def enable_endpoint(tx: Tx, endpoint_id: UUID) -> Endpoint:
    """Post to it again. Raises `WebhookEndpointNotFound`."""
    return _found(await (await driver(tx)).fetchrow(_ENABLE, endpoint_id), endpoint_id)


async def rotate_secret(tx: Tx, endpoint_id: UUID, sealed: bytes, overlap_end: datetime) -> Endpoint:
    """Sign with a new secret, and until then with the one before too. Raises `WebhookEndpointNotFound`."""
    return _found(await (await driver(tx)).fetchrow(_ROTATE, endpoint_id, sealed, overlap_end), endpoint_id)


async def find_sealed(tx: ReadTx, endpoint_id: UUID, now: datetime) -> Sealed:
    """Where to post, and what to sign with."""
    row: Any = await (await driver(tx)).fetchrow(
        "SELECT url, recipient, sealed, sealed_before, overlap_end_time FROM webhook_endpoint WHERE endpoint_id = $1",
        endpoint_id,
    )
    both = row["sealed_before"] is not None and now < row["overlap_end_time"]
    boxes = [row["sealed"], row["sealed_before"]] if both else [row["sealed"]]
    return Sealed(row["url"], row["recipient"], boxes)


def _found(row: Any, endpoint_id: UUID) -> Endpoint:
    if row is None:
        raise WebhookEndpointNotFound(str(endpoint_id))
    return Endpoint(*row)
