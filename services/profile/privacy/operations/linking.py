"""Bundles behind one-time links (spec people §5.2)."""

import secrets
from datetime import datetime, timedelta

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.looks.domain import BUNDLE, Look
from services.profile.privacy import domain, store
from services.profile.privacy.domain import Link, Part, Request, State
from services.profile.privacy.errors import BundleLinkGone, BundleLinkNotFound
from services.profile.privacy.operations.requests import look
from services.profile.vault.domain import Vault

TOKEN_BYTES = 32
HOURS = 24


async def create_link(tx: Tx, request: Request, actor: str, hours: int, *, now: datetime) -> tuple[str, Link]:
    """Make a link to a bundle that is whole, and its token, which is not kept. Earlier links of the request end."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    until = min(now + timedelta(hours=hours or HOURS), request.create_time + domain.BUNDLE_KEPT)
    link = Link(domain.hash_of_token(token), request.privacy_request_id, actor, 0, now, until, None)
    await store.lock_request(tx, request.privacy_request_id)
    await store.add_link(tx, link)
    await _note(tx, request, actor, "link made", now)
    return token, link


async def open_link(tx: Tx, token: str, *, now: datetime) -> tuple[Link, Request, list[Part]]:
    """Begin a download: it takes over from one that is running. Raises `BundleLinkNotFound` and `BundleLinkGone`."""
    link = await _held(tx, token, now)
    if link.attempt >= domain.LINK_ATTEMPTS_MAX:
        raise BundleLinkGone
    request = await store.get_request(tx, link.privacy_request_id)
    parts = await store.list_parts(tx, link.privacy_request_id)
    if not parts or request.state != State.COMPLETED:
        raise BundleLinkNotFound
    link = link._replace(attempt=link.attempt + 1)
    await store.save_attempt(tx, link.token_hash, link.attempt)
    await _note(tx, request, _bearer(link), f"download {link.attempt} began, by a link of {link.actor}", now)
    return link, request, parts


async def read_link(tx: Tx, vault: Vault, token: str, attempt: int, service: str, number: int, *, now: datetime) -> str:
    """The lines of a part, for the download that is running. Raises as `open_link`."""
    link = await _running(tx, token, attempt, now)
    part = await store.get_part(tx, link.privacy_request_id, service, number)
    return vault.unseal(part.lines, domain.about(link.privacy_request_id, service, number))


async def end_link(tx: Tx, token: str, attempt: int, *, now: datetime) -> None:
    """The bundle was sent whole: the link is used. Raises as `open_link`."""
    link = await _running(tx, token, attempt, now)
    await store.end_link(tx, link.token_hash, now)
    request = await store.get_request(tx, link.privacy_request_id)
    await _note(tx, request, _bearer(link), f"download {link.attempt} complete", now)


async def _held(tx: Tx, token: str, now: datetime) -> Link:
    link = await store.lock_link(tx, domain.hash_of_token(token))
    if link is None:
        raise BundleLinkNotFound
    if not link.is_good(now):
        raise BundleLinkGone
    return link


async def _running(tx: Tx, token: str, attempt: int, now: datetime) -> Link:
    link = await _held(tx, token, now)
    if link.attempt != attempt:
        raise BundleLinkGone
    return link


def _bearer(link: Link) -> str:
    """Who holds the link, as the audit names them."""
    return f"link:{link.token_hash.hex()[:12]}"


async def _note(tx: Tx, request: Request, actor: str, what: str, now: datetime) -> None:
    reason = f"{request.privacy_request_id}: {what}"
    await look(tx, Look(new_id(), BUNDLE, request.profile_id, actor, "", reason, now))
