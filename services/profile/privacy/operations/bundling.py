"""What is held about a person, gathered into a bundle."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from logic.privacy import parts
from services.profile.attributes import store as attributes
from services.profile.attributes.domain import NOTHING
from services.profile.consent import store as consent
from services.profile.groups import store as groups
from services.profile.identity import store as identity
from services.profile.looks import store as looks
from services.profile.privacy import convert, domain, events, store
from services.profile.privacy.domain import Part
from services.profile.timeline import store as timeline
from services.profile.timeline.domain import OWN, Filter, Position
from services.profile.vault.domain import Vault

PAGE = 500


async def collect(tx: Tx, vault: Vault, request_id: UUID, person: Sequence[UUID], *, now: datetime) -> None:
    """Put into the bundle what is held here, and ask others for theirs."""
    lines = [line async for line in _lines(tx, vault, person, now)]
    texts = list(parts(lines))
    for number, text in enumerate(texts):
        await put_part(tx, vault, request_id, domain.OWN, number, len(texts), text)
    await store.save_done(tx, request_id, domain.OWN, {"lines": len(lines)}, "", now=now)
    await events.personal_data_requested(tx, request_id, person, now=now)


async def put_part(tx: Tx, vault: Vault, request_id: UUID, service: str, number: int, total: int, lines: str) -> bool:
    """Add a part to the bundle. Returns whether it was the last of its service."""
    sealed = vault.seal(lines, domain.about(request_id, service, number))
    part = Part(request_id, service, number, total, lines.count("\n"), domain.hash_of(lines), sealed)
    return await store.add_part(tx, part) == total


async def _lines(tx: ReadTx, vault: Vault, person: Sequence[UUID], now: datetime) -> AsyncIterator[str]:
    known = (await attributes.known_of(tx, vault, [person[0]])).get(person[0], NOTHING)
    yield convert.profile_line(await identity.get_profile(tx, vault, person[0]), known, person, now=now)
    for name, fact in sorted(known.facts.items()):
        yield convert.attribute_line(name, fact)
    async for line in _identity_lines(tx, vault, person):
        yield line
    for entry in await consent.list_entries(tx, person):
        yield convert.consent_line(entry)
    for membership in await groups.list_of(tx, person):
        yield convert.membership_line(membership)
    for look in await looks.list_looks(tx, person, after=UUID(int=(1 << 128) - 1), limit=PAGE):
        yield convert.look_line(look)
    after: Position | None = None
    while page := await timeline.page(tx, vault, person, Filter(service=OWN), after=after, limit=PAGE):
        for event in page:
            yield convert.event_line(event, person[0])
        after = Position(page[-1].timestamp, page[-1].event_id)


async def _identity_lines(tx: ReadTx, vault: Vault, person: Sequence[UUID]) -> AsyncIterator[str]:
    """Merges, and every identifier that left the person or came to them without one, the newest first."""
    for merge in await identity.list_merges(tx, vault, person, before=False, after=None, limit=PAGE):
        yield convert.merge_line(merge)
    after: UUID | None = None
    while page := await identity.list_moves(tx, vault, person, after=after, limit=PAGE):
        for move in page:
            yield convert.move_line(move, person)
        after = page[-1].move_id


async def expire_bundles(tx: Tx, now: datetime) -> None:
    """Drop bundles that were there to be read for long enough."""
    await store.expire_bundles(tx, now - domain.BUNDLE_KEPT)
