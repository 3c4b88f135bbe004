"""One post over HTTP, and what came of it."""

import asyncio
import ssl
import time
from datetime import datetime

import certifi
import httpcore

from gateway.webhooks.addresses import AddressRefused, GuardedNetwork
from gateway.webhooks.domain import Attempt, Fault

CONNECT_SECONDS_MAX = 5.0
ATTEMPT_SECONDS_MAX = 20.0
_OURS = {"content-type": "application/json", "user-agent": "Bowen-Webhooks/1.0"}


class Poster:
    """Posts bodies. Redirects are not followed, and what an answer says beyond its status is not read."""

    def __init__(self, *, anywhere: bool = False) -> None:
        context = ssl.create_default_context(cafile=certifi.where())
        network = GuardedNetwork(anywhere=anywhere)
        self._pool = httpcore.AsyncConnectionPool(context, max_keepalive_connections=20, network_backend=network)

    async def post(self, url: str, headers: dict[str, str], body: bytes, now: datetime) -> Attempt:
        """Try once. Never raises what the network may do."""
        started = time.monotonic()
        status, fault = 0, ""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
                status = await self._status(url, {**headers, **_OURS}, body)
        except AddressRefused:
            fault = Fault.ADDRESS_REFUSED
        except (httpcore.TimeoutException, TimeoutError):
            fault = Fault.TIMED_OUT
        except httpcore.ConnectError as error:
            fault = Fault.TLS_FAILED if isinstance(error.__cause__, ssl.SSLError) else Fault.UNREACHABLE
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError):
            fault = Fault.BROKEN
        return Attempt(now, status, fault, round(1000 * (time.monotonic() - started)))

    async def _status(self, url: str, headers: dict[str, str], body: bytes) -> int:
        limits = {"timeout": {"connect": CONNECT_SECONDS_MAX, "pool": CONNECT_SECONDS_MAX}}
        sent = list(headers.items())
        async with self._pool.stream("POST", url, headers=sent, content=body, extensions=limits) as response:
            return int(response.status)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
