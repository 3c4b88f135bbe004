"""Which addresses may be posted to: webhooks must not reach into the network that the gateway stands in (SSRF)."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore

from gateway.webhooks.errors import WebhookUrlRefused

RESOLVE_SECONDS_MAX = 3.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """The name stands for an address that may not be posted to."""


def is_public(address: str) -> bool:
    """Whether an IP address is of the internet: not private, local, reserved, or one of these written as IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None,))[0]
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def check_url(url: str, *, anywhere: bool) -> None:
    """Raises `WebhookUrlRefused` for what is no address to post to. `anywhere`: it may be plain HTTP too."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise WebhookUrlRefused("must be a URL") from None
    if parts.scheme not in (("https", "http") if anywhere else ("https",)):
        raise WebhookUrlRefused("must begin with https://")
    if not host or port == 0:
        raise WebhookUrlRefused("must name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise WebhookUrlRefused("must have no user, password or fragment")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookUrlRefused("must be of ASCII letters without spaces")


async def check_host(url: str, *, anywhere: bool) -> None:
    """Raises `WebhookUrlRefused` where the host's name is not known, or stands for an address inside."""
    parts = urlsplit(url)
    try:
        await addresses_of(str(parts.hostname), parts.port or 443, anywhere=anywhere)
    except AddressRefused:
        raise WebhookUrlRefused("must be reached from the internet: its host is an address inside") from None
    except (OSError, UnicodeError):  # a label of a name that is too long is the latter
        raise WebhookUrlRefused("must have a host that can be resolved") from None


async def addresses_of(host: str, port: int, *, anywhere: bool) -> list[str]:
    """The IP addresses of a host. Raises `AddressRefused` if one of them is inside, and `OSError` for none."""
    async with asyncio.timeout(RESOLVE_SECONDS_MAX):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not anywhere and not all(map(is_public, addresses)):
        raise AddressRefused(host)
    return addresses


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to the very address that was checked: a name that changes its meaning meanwhile gains nothing."""

    def __init__(self, *, anywhere: bool) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._anywhere = anywhere

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, connect to the first address that answers. Raises `AddressRefused`, or as httpcore does."""
        try:
            addresses = await addresses_of(host, port, anywhere=self._anywhere)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)
