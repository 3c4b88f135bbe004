"""Forgetting people: everything that leads to them, or shows how they once stood."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.domain import Blocked, Rules, key_of, rules_of
from services.profile.identity.store import forms
from services.profile.identity.store.rulings import list_rulings
from services.profile.vault.domain import Vault

_IDENTIFIERS = "DELETE FROM identifier WHERE profile_id = ANY($1) RETURNING key, type, namespace, value"
_CONFLICTS = "DELETE FROM conflict WHERE profile_id = ANY($1) OR owner_id = ANY($1) OR key = ANY($2) RETURNING key"
_MERGES = "DELETE FROM merge WHERE survivor_id = ANY($1) OR loser_id = ANY($1)"
_REDIRECTS = "DELETE FROM redirect WHERE survivor_id = ANY($1) OR loser_id = ANY($1)"
_MOVES = "DELETE FROM identifier_move WHERE from_profile_id = ANY($1) OR to_profile_id = ANY($1)"
# Of moves of others to these people remains that something left them: nothing may be sent there for them (I13).
_DEPARTURES = """
INSERT INTO identifier_departure (profile_id, key, move_time)
SELECT from_profile_id, key, max(move_time) FROM identifier_move
WHERE to_profile_id = ANY($1) AND from_profile_id <> ALL($1) AND reason IN (1, 2, 3) GROUP BY from_profile_id, key
ON CONFLICT (profile_id, key) DO UPDATE
SET move_time = greatest(identifier_departure.move_time, excluded.move_time)
"""
_DEPARTED = "DELETE FROM identifier_departure WHERE profile_id = ANY($1)"
_ENCOUNTERS = "DELETE FROM encounter WHERE profile_id = ANY($1) OR key = ANY($2)"
_EVIDENCE = "DELETE FROM evidence WHERE profile_id = ANY($1)"
_SEPARATIONS = "DELETE FROM separation WHERE low_id = ANY($1) OR high_id = ANY($1)"
_KNOWN_MERGES = """
SELECT merge_id, before FROM merge
WHERE survivor_id = ANY($1) AND loser_id = ANY($1) AND undo_time IS NULL ORDER BY merge_id
"""


class Forgotten(NamedTuple):
    """What was forgotten. `identifiers` are keys and types of all that led to the people; `redirects` of them the
    merges that stood."""

    identifiers: list[tuple[bytes, str]]
    conflicts: int
    merges: int
    redirects: int
    separations: int
    import_rows: int
    profiles: int


class _Identifier(msgspec.Struct):
    type: str
    verified: bool


class _Side(msgspec.Struct):
    links: list[_Identifier] = []


class _Before(msgspec.Struct):
    survivor: _Side
    loser: _Side


_before = msgspec.json.Decoder(_Before)


async def known_merges(tx: ReadTx, vault: Vault, profile_ids: Sequence[UUID]) -> list[UUID]:
    """The merges among the ids in which both sides were known people, and not only devices or contacts."""
    rows = await (await driver(tx)).fetch(_KNOWN_MERGES, profile_ids)
    sides = [(row["merge_id"], _before.decode(forms.before(vault, *row))) for row in rows]
    [ruling] = await list_rulings(tx, limit=1)
    rules = rules_of(ruling, Blocked())
    return [each for each, before in sides if _is_known(before.survivor, rules) and _is_known(before.loser, rules)]


def _is_known(side: _Side, rules: Rules) -> bool:
    return any(not rules.kind(each.type).grade(each.verified).is_weak for each in side.links)


async def forget(tx: Tx, vault: Vault, profile_ids: Sequence[UUID]) -> Forgotten:
    """Delete people whose rows are held, with all that led to them."""
    connection = await driver(tx)
    rows = await connection.fetch(_IDENTIFIERS, profile_ids)
    links = [(key_of(kind, space, forms.value(vault, key, sealed)), kind) for key, kind, space, sealed in rows]
    conflicts = len(await connection.fetch(_CONFLICTS, profile_ids, [row["key"] for row in rows]))
    merges = _count(await connection.execute(_MERGES, profile_ids))
    imports = _count(await connection.execute("DELETE FROM import_row WHERE profile_id = ANY($1)", profile_ids))
    redirects = _count(await connection.execute(_REDIRECTS, profile_ids))
    for statement in (_DEPARTURES, _DEPARTED, _MOVES):
        await connection.execute(statement, profile_ids)
    await connection.execute(_ENCOUNTERS, profile_ids, [row["key"] for row in rows])
    await connection.execute(_EVIDENCE, profile_ids)
    separations = _count(await connection.execute(_SEPARATIONS, profile_ids))
    profiles = _count(await connection.execute("DELETE FROM profile WHERE profile_id = ANY($1)", profile_ids))
    return Forgotten(links, conflicts, merges, redirects, separations, imports, profiles)


async def put_nobody(tx: Tx, profile_id: UUID, create_time: datetime) -> None:
    """Make a person whom nothing names."""
    await (await driver(tx)).execute(
        "INSERT INTO profile (profile_id, create_time) VALUES ($1, $2)", profile_id, create_time
    )


def _count(done: str) -> int:
    return int(done.rpartition(" ")[2])
