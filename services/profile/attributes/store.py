"""What is known of each person."""

from collections.abc import Collection, Container, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from chassis.ids import array_of
from services.profile.attributes import domain
from services.profile.attributes.domain import Known, gates
from services.profile.attributes.domain.gates import Permission
from services.profile.attributes.domain.rules import Rule, RuleRecord, Rules
from services.profile.search import domain as search
from services.profile.vault import store as vaults
from services.profile.vault.domain import Vault
from services.profile.vault.store import Column

_READ = "SELECT profile_id, facts, version, update_time FROM attribute_set WHERE profile_id = ANY($1::text::uuid[])"
_AFTER = """
SELECT profile_id FROM attribute_set
WHERE profile_id > $1 AND NOT EXISTS (SELECT FROM redirect WHERE loser_id = profile_id) ORDER BY profile_id LIMIT $2
"""
_FACTS = Column("attribute_set", "profile_id", "facts", lambda profile_id: profile_id.bytes)
_SAVE = """
INSERT INTO attribute_set (profile_id, facts, version, update_time, name_tokens, named_version)
SELECT profile_id, facts, version, $4, coalesce(tokens::bigint[], '{}'),
       CASE WHEN tokens IS NULL THEN 0 ELSE version END
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $5::text[]) AS known (profile_id, facts, version, tokens)
ON CONFLICT (profile_id) DO UPDATE
SET facts = excluded.facts, version = excluded.version, update_time = excluded.update_time,
    name_tokens = CASE WHEN excluded.named_version = 0 THEN attribute_set.name_tokens ELSE excluded.name_tokens END,
    named_version = CASE
        WHEN excluded.named_version > 0 OR attribute_set.named_version = attribute_set.version THEN excluded.version
        ELSE attribute_set.named_version
    END
"""
_UNNAMED = """
SELECT profile_id, facts, version, update_time FROM attribute_set
WHERE profile_id > $1 AND named_version <> version ORDER BY profile_id LIMIT $2
"""
_NAME = """
UPDATE attribute_set SET name_tokens = tokens::bigint[], named_version = named.version
FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS named (profile_id, version, tokens)
WHERE attribute_set.profile_id = named.profile_id AND attribute_set.version = named.version
"""
_CURRENT = "SELECT DISTINCT ON (name) * FROM attribute_rule ORDER BY name, version DESC"
# In the same round trip as what they are for, and in the same snapshot: no process holds rules that are over.
_READ_RULED = f"""
{_READ}
UNION ALL
SELECT NULL, coalesce(json_object_agg(name, json_build_array(kind, sources, is_sensitive))::text, '{{}}'), 0, NULL
FROM ({_CURRENT}) AS ruled
"""  # noqa: S608 (names of our own)
_RULE = ", ".join(RuleRecord._fields)
_ADD_RULE = """
INSERT INTO attribute_rule (name, kind, sources, actor, note, create_time, is_sensitive)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING version
"""
_HISTORY = f"SELECT {_RULE} FROM attribute_rule WHERE name = $1 ORDER BY version DESC LIMIT $2"  # noqa: S608
_LISTED = f"SELECT {_RULE} FROM ({_CURRENT}) AS ruled ORDER BY name LIMIT $1"  # noqa: S608 (names of our own)

# What all ids of a person say: one no outweighs every yes.
_PERMISSIONS = """
SELECT asked.profile_id, max(sensitive) = 1, max(guardian) = 1
FROM unnest($1::uuid[]) AS asked (profile_id)
LEFT JOIN redirect AS own ON own.loser_id = asked.profile_id
CROSS JOIN LATERAL (
    SELECT coalesce(own.survivor_id, asked.profile_id) AS profile_id
    UNION ALL SELECT loser_id FROM redirect WHERE survivor_id = coalesce(own.survivor_id, asked.profile_id)
) AS person
JOIN processing ON processing.profile_id = person.profile_id
GROUP BY asked.profile_id
"""
_SENSITIVE = f"SELECT name FROM ({_CURRENT}) AS ruled WHERE is_sensitive"  # noqa: S608 (names of our own)

_HOLD_SWEEP = "SELECT version, after, is_done FROM attribute_sweep FOR UPDATE"
_FIRST = UUID(int=0)
_SWEPT_FOR = "SELECT coalesce(max(version), 0) FROM attribute_rule WHERE is_sensitive"
_SAVE_SWEEP = "UPDATE attribute_sweep SET version = $1, after = coalesce($2, after), is_done = $2 IS NULL"

_rules = msgspec.json.Decoder(dict[str, Rule], strict=False)


async def read(tx: ReadTx, vault: Vault, profile_ids: Collection[UUID]) -> tuple[dict[UUID, Known], Rules]:
    """What is known of some people, and the rules by which more is added to it. See `known_of`."""
    rows = {row["profile_id"]: row for row in await (await driver(tx)).fetch(_READ_RULED, _array(profile_ids))}
    rules = _rules.decode(rows.pop(None)["facts"])
    return {profile_id: _known(vault, row) for profile_id, row in rows.items()}, rules


async def permissions(tx: ReadTx, profile_ids: Collection[UUID]) -> dict[UUID, Permission]:
    """What people agreed to, under any of their ids; those who said nothing are not in the answer."""
    rows = await (await driver(tx)).fetch(_PERMISSIONS, list(profile_ids))
    return {profile_id: Permission(sensitive, guardian) for profile_id, sensitive, guardian in rows}


async def is_child(tx: ReadTx, vault: Vault, profile_id: UUID, *, now: datetime) -> bool:
    """Whether somebody is too young to agree, and no guardian did."""
    known = (await known_of(tx, vault, [profile_id])).get(profile_id)
    if known is None or not gates.is_minor(known.facts, now):
        return False
    return not (await permissions(tx, [profile_id])).get(profile_id, gates.NO_PERMISSION).guardian


async def sensitive_names(tx: ReadTx) -> frozenset[str]:
    """The attributes that need a consent of their own."""
    return frozenset(row["name"] for row in await (await driver(tx)).fetch(_SENSITIVE))


async def add_rule(tx: Tx, rule: RuleRecord) -> RuleRecord:
    """Write a new version of a rule."""
    version: int = await (await driver(tx)).fetchval(_ADD_RULE, *rule[1:])
    return rule._replace(version=version)


async def hold_rules(tx: Tx) -> None:
    """Have nobody else set rules until the transaction ends."""
    await (await driver(tx)).execute("LOCK TABLE attribute_rule IN SHARE ROW EXCLUSIVE MODE")


async def list_rules(tx: ReadTx, *, limit: int) -> list[RuleRecord]:
    """The rules that hold, by name."""
    return [RuleRecord._make(row) for row in await (await driver(tx)).fetch(_LISTED, limit)]


async def list_history(tx: ReadTx, name: str, *, limit: int) -> list[RuleRecord]:
    """The rules that an attribute had, the newest first."""
    return [RuleRecord._make(row) for row in await (await driver(tx)).fetch(_HISTORY, name, limit)]


async def known_of(tx: ReadTx, vault: Vault, profile_ids: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of some people. Nothing is known of those who are not in the answer.

    Whoever wants to change it holds the people's rows.
    """
    if not profile_ids:
        return {}
    rows = await (await driver(tx)).fetch(_READ, _array(profile_ids))
    return {row["profile_id"]: _known(vault, row) for row in rows}


def _array(profile_ids: Collection[UUID]) -> str:
    return array_of(each.bytes for each in profile_ids)


def _known(vault: Vault, row: Any) -> Known:
    facts = vault.unseal(row["facts"], row["profile_id"].bytes)
    return Known(domain.decode(facts), row["version"], row["update_time"])


async def save(
    tx: Tx, vault: Vault, known: Sequence[tuple[UUID, Known]], *, now: datetime, called_as_before: Container[UUID] = ()
) -> None:
    """Write what is known of people whose rows are held. It is sealed; names that may have changed are indexed."""
    if not known:
        return
    facts = [vault.seal(domain.encode(each.facts), profile_id.bytes) for profile_id, each in known]
    ids, versions = [profile_id for profile_id, _ in known], [each.version for _, each in known]
    tokens = [None if profile_id in called_as_before else _tokens(vault, each) for profile_id, each in known]
    await (await driver(tx)).execute(_SAVE, ids, facts, versions, now, tokens)


def _tokens(vault: Vault, known: Known) -> str:
    names = search.names_of({name: fact.value for name, fact in known.facts.items()})
    return f"{{{','.join(map(str, search.name_tokens(vault, names)))}}}"


async def index_names(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Index names that were written by who did not, or before there was an index. Returns where to go on, if not done.

    What changes meanwhile is left for the next time.
    """
    connection = await driver(tx)
    rows = await connection.fetch(_UNNAMED, after, limit)
    found = [(row["profile_id"], row["version"], _tokens(vault, _known(vault, row))) for row in rows]
    if found:
        await connection.execute(_NAME, *map(list, zip(*found, strict=True)))
    return found[-1][0] if len(found) == limit else None


async def reseal(tx: Tx, vault: Vault, after: UUID, *, limit: int) -> UUID | None:
    """Seal anew what is known of those who follow `after`, where an earlier key sealed it. Returns the last seen."""
    return await vaults.reseal(tx, vault, _FACTS, after, limit=limit)


async def forget(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Delete what is known of people. Returns how many it was something of."""
    done: str = await (await driver(tx)).execute("DELETE FROM attribute_set WHERE profile_id = ANY($1)", profile_ids)
    return int(done.rpartition(" ")[2])


async def list_after(tx: ReadTx, after: UUID, *, limit: int) -> list[UUID]:
    """People who are not merged into others and of whom something is known, in order of id."""
    rows = await (await driver(tx)).fetch(_AFTER, after, limit)
    return [row["profile_id"] for row in rows]


class Sweep(NamedTuple):
    """For which version of the rules values are held against the gate, and after whom to go on."""

    version: int
    after: UUID


async def hold_sweep(tx: Tx) -> Sweep | None:
    """Be the only one who sweeps until the transaction ends. None when nothing became sensitive since the last time."""
    connection = await driver(tx)
    reached, after, is_done = await connection.fetchrow(_HOLD_SWEEP)
    wanted = await connection.fetchval(_SWEPT_FOR)
    if wanted > reached:
        return Sweep(wanted, _FIRST)
    return None if is_done else Sweep(reached, after)


async def save_sweep(tx: Tx, version: int, last: UUID | None) -> None:
    """Note that values are held against the gate up to a person, or all of them."""
    await (await driver(tx)).execute(_SAVE_SWEEP, version, last)
