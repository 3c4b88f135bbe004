"""Every statement on who is only stored (spec people §5.1, art. 47), for services that keep a table of redirects."""

from collections.abc import Collection, Sequence
from uuid import UUID

from bowen.profile.v1.events_pb2 import ProcessingChanged

from chassis.consumer import Delivery
from chassis.db import Tx, driver

RESTRICTED = """
WITH root AS (
    SELECT coalesce(survivor_id, profile_id) AS profile_id
    FROM restriction LEFT JOIN redirect ON loser_id = profile_id WHERE is_restricted
)
SELECT profile_id FROM root
UNION SELECT loser_id FROM redirect WHERE survivor_id IN (SELECT profile_id FROM root)
"""
"""All ids of people who are only stored."""

_SAVE = """
INSERT INTO restriction (profile_id, version, is_restricted)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::boolean[])
ON CONFLICT ON CONSTRAINT restriction_pkey
DO UPDATE SET version = excluded.version, is_restricted = excluded.is_restricted
WHERE restriction.version < excluded.version
"""


async def save_restrictions(tx: Tx, told: Collection[tuple[UUID, int, bool]]) -> None:
    """Take over who is only stored, with the version: an older state never replaces a newer one."""
    latest = {row[0]: row for row in sorted(told, key=lambda row: row[1])}.values()
    await (await driver(tx)).execute(_SAVE, *(list(column) for column in zip(*latest, strict=True)))


async def on_processing_changed(tx: Tx, batch: Sequence[Delivery[ProcessingChanged]]) -> None:
    """Know who is only stored from now on, and who no longer."""
    told = [(UUID(each.event.profile_id), each.event.version, each.event.is_restricted) for each in batch]
    await save_restrictions(tx, told)
