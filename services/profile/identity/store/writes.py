"""Loading the people that a batch names, held, and saving what became of them: one statement per table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pgproto import pgproto

from chassis.db import Tx, driver
from chassis.errors import Conflict as Contention
from chassis.ids import array_of
from services.profile.identity.domain import (
    RULES,
    Claim,
    Evidence,
    Link,
    People,
    Person,
    Rules,
    Trust,
    concerned_by,
    key_of,
)
from services.profile.identity.errors import ProfileNotFound
from services.profile.identity.store import forms
from services.profile.search.domain import phone_tokens
from services.profile.vault.domain import Vault

# Every statement below finds its rows by key. Its plan is made once and must stay right while the tables grow.
_PLANS = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"

# With the ids of those who are kept apart from a person, whatever they were merged into since.
_PERSON = """
SELECT profile_id, create_time, merge_count, CASE WHEN is_apart THEN ARRAY(
    SELECT coalesce(led.survivor_id, pair.other_id)
    FROM (SELECT profile.profile_id UNION ALL SELECT loser_id FROM redirect WHERE survivor_id = profile.profile_id)
         AS own (profile_id)
    CROSS JOIN LATERAL (
        SELECT high_id FROM separation WHERE low_id = own.profile_id
        UNION ALL SELECT low_id FROM separation WHERE high_id = own.profile_id
    ) AS pair (other_id)
    LEFT JOIN redirect AS led ON led.loser_id = pair.other_id
) END
FROM profile WHERE
"""
_OF_KEYS = "profile_id = ANY(ARRAY(SELECT DISTINCT profile_id FROM identifier WHERE key = ANY($1::text::uuid[])))"
_HOLD = f"{_PERSON} {_OF_KEYS} ORDER BY profile_id FOR UPDATE"
_HOLD_BY_ID = f"{_PERSON} profile_id = ANY($1) ORDER BY profile_id FOR UPDATE"
_LINKS = """
SELECT profile_id, key, type, namespace, {value}, verified, first_seen_time, last_seen_time, last_verified_time,
       source_id, event_id, trust, touched, suspect_time
FROM identifier WHERE
"""
_LINKS_NAMED = _LINKS.format(value="''") + "key = ANY($1::text::uuid[])"
_LINKS_HELD = _LINKS.format(value="value") + "profile_id = ANY($1::text::uuid[])"
_PROFILE_COLUMNS = "profile_id", "create_time", "merge_count", "is_apart"
_CHANGED_PROFILES = """
UPDATE profile SET create_time = changed.create_time, merge_count = changed.merge_count, is_apart = changed.is_apart
FROM unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::boolean[])
     AS changed (profile_id, create_time, merge_count, is_apart)
WHERE profile.profile_id = changed.profile_id
"""
_LINK_COLUMNS = (
    *("key", "profile_id", "type", "namespace", "value", "verified"),
    *("first_seen_time", "last_seen_time", "last_verified_time", "source_id", "event_id", "trust"),
    *("touched", "suspect_time", "phone_tokens"),
)
_CHANGED_LINKS = """
UPDATE identifier
SET profile_id = changed.profile_id, verified = changed.verified, first_seen_time = changed.first_seen_time,
    last_seen_time = changed.last_seen_time, last_verified_time = changed.last_verified_time,
    source_id = changed.source_id, event_id = changed.event_id, trust = changed.trust, touched = changed.touched,
    suspect_time = changed.suspect_time
FROM unnest($1::uuid[], $2::uuid[], $3::boolean[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::text[],
            $8::uuid[], $9::smallint[], $10::bytea[], $11::timestamptz[])
     AS changed (key, profile_id, verified, first_seen_time, last_seen_time, last_verified_time, source_id, event_id,
                 trust, touched, suspect_time)
WHERE identifier.key = changed.key
"""
_INDEX_PHONES = """
UPDATE identifier SET phone_tokens = tokens::bigint[]
FROM unnest($1::uuid[], $2::text[]) AS found (key, tokens) WHERE identifier.key = found.key
"""
_COMPRESS = """
UPDATE redirect SET survivor_id = merged.survivor_id
FROM unnest($1::uuid[], $2::uuid[]) AS merged (loser_id, survivor_id) WHERE redirect.survivor_id = merged.loser_id
"""
_REDIRECT = "INSERT INTO redirect (loser_id, survivor_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])"


_TURN = 0x70656F706C65  # "people"
_TURN_SECONDS_MAX = 10


class Clash(Contention):
    """Another transaction gave somebody one of the same identifiers meanwhile: begin again.

    It counts as a serialization failure, so that the transaction is repeated where all of those are.
    """

    sqlstate = "40001"

    def __init__(self) -> None:
        super().__init__("the same people were changed at the same time")


async def take_turn(tx: Tx, *, alone: bool) -> None:
    """Go ahead beside others who settle who is who, or alone; until the transaction ends."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await (await driver(tx)).execute(f"SET LOCAL lock_timeout = '{_TURN_SECONDS_MAX}s'; SELECT {lock}({_TURN})")


async def lock(tx: Tx, profile_ids: Sequence[UUID]) -> int:
    """Hold those of the people who are there, in order of id, until the transaction ends. Returns how many are."""
    found = await (await driver(tx)).fetch(
        "SELECT profile_id FROM profile WHERE profile_id = ANY($1) ORDER BY profile_id FOR UPDATE", profile_ids
    )
    return len(found)


async def hold(tx: Tx, profile_ids: Sequence[UUID]) -> None:
    """Be the only one who changes people until the transaction ends. Raises `ProfileNotFound` for the erased."""
    if await lock(tx, profile_ids) < len(profile_ids):
        raise ProfileNotFound(profile_id=str(profile_ids[0]))


async def load(tx: Tx, vault: Vault, batch: Sequence[Evidence], rules: Rules = RULES) -> People:
    """Everybody whom the batch names, held in order of id, with the identifiers that it names.

    Those about whom it may say something new come with all identifiers they have.
    """
    connection = await driver(tx)
    await connection.execute(_PLANS)
    claims = {claim.key: claim for evidence in batch for claim in evidence.named()}
    named = {vault.index(key): claim for key, claim in claims.items()}
    keys = array_of(named)
    people = People()
    _admit(people, await connection.fetch(_HOLD, keys))
    if people.persons:
        _take(people, vault, await connection.fetch(_LINKS_NAMED, keys), named, rules)
    if concerned := concerned_by(people, batch, rules):
        held = array_of(person.profile_id.bytes for person in concerned)
        _take(people, vault, await connection.fetch(_LINKS_HELD, held), named, rules)
    return people


async def load_by_id(tx: Tx, vault: Vault, profile_ids: Sequence[UUID], rules: Rules) -> People:
    """People who live on, held in order of id, with all identifiers they have."""
    connection = await driver(tx)
    people = People()
    _admit(people, await connection.fetch(_HOLD_BY_ID, profile_ids))
    _take(
        people, vault, await connection.fetch(_LINKS_HELD, array_of(each.bytes for each in people.persons)), {}, rules
    )
    return people


def _admit(people: People, rows: Iterable[Any]) -> None:
    for profile_id, create_time, merge_count, apart in rows:
        people.add(Person(profile_id, create_time, merge_count, frozenset(apart or ())))


def _take(people: People, vault: Vault, rows: Iterable[Any], named: Mapping[bytes, Claim], rules: Rules) -> None:
    """Give people the identifiers that they have: those that are named are known, the others are unsealed.

    One whose owner is nobody we hold was moved just now.
    """
    for row in rows:
        person = people.persons.get(row["profile_id"])
        if person is None:
            raise Clash
        link = _link(vault, row, person, named, rules)
        people.links.setdefault(link.key, link)
        person.links.setdefault(link.key, link)


def _link(vault: Vault, row: Any, person: Person, named: Mapping[bytes, Claim], rules: Rules) -> Link:
    _, stored, type_name, namespace, sealed, verified, first, last, proven, source_id, event_id, trust, *touches = row
    claim = named.get(stored.bytes)
    value = claim.value if claim else forms.value(vault, stored, sealed)
    return Link(
        claim.key if claim else key_of(type_name, namespace, value),
        rules.kind(type_name),
        namespace,
        value,
        verified,
        first,
        last,
        proven,
        source_id,
        event_id,
        Trust(trust),
        person,
        *touches,
    )


async def save(tx: Tx, vault: Vault, people: People) -> None:
    """Write what was decided about people that `load` holds. Raises `Clash`."""
    persons = people.persons.values()
    await _copy(tx, "profile", _PROFILE_COLUMNS, [_person_row(person) for person in persons if person.is_new])
    changed = [_person_row(person) for person in persons if person.is_changed and not person.is_new]
    await execute(tx, _CHANGED_PROFILES, changed)
    await _save_redirects(tx, [person for person in persons if person.survivor is not None])
    links = sorted(people.links.values(), key=lambda link: link.key)
    await _save_changed_links(tx, vault, [link for link in links if link.is_changed and not link.is_new])
    await _save_new_links(tx, vault, [link for link in links if link.is_new])


def _person_row(person: Person) -> tuple[Any, ...]:
    return person.profile_id, person.create_time, person.merge_count, bool(person.apart)


async def _save_redirects(tx: Tx, merged: Sequence[Person]) -> None:
    """Lead the ids of the merged, and those that led to them, straight to who lives on."""
    rows = [(person.profile_id, person.root.profile_id) for person in merged]
    await execute(tx, _COMPRESS, rows)
    await execute(tx, _REDIRECT, rows)


async def _save_changed_links(tx: Tx, vault: Vault, links: Sequence[Link]) -> None:
    rows = [
        (
            pgproto.UUID(vault.index(link.key)),
            link.person.profile_id,
            link.verified,
            link.first_seen,
            link.last_seen,
            link.last_verified,
            link.source_id,
            link.event_id,
            link.trust,
            link.touched,
            link.suspect_time,
        )
        for link in links
    ]
    await execute(tx, _CHANGED_LINKS, rows)


async def _save_new_links(tx: Tx, vault: Vault, links: Sequence[Link]) -> None:
    rows = [
        (
            stored := pgproto.UUID(vault.index(link.key)),
            link.person.profile_id,
            link.kind.name,
            link.namespace,
            forms.seal_value(vault, stored, link.value),
            link.verified,
            link.first_seen,
            link.last_seen,
            link.last_verified,
            link.source_id,
            link.event_id,
            link.trust,
            link.touched,
            link.suspect_time,
            phone_tokens(vault, link.value) if link.kind.name == "phone" else None,
        )
        for link in links
    ]
    try:
        await _copy(tx, "identifier", _LINK_COLUMNS, rows)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "identifier_pkey":
            raise
        raise Clash from error


async def index_phones(tx: Tx, vault: Vault, phones: Sequence[tuple[UUID, str]]) -> None:
    """Let phone numbers, given with what stands for them, be found by their parts."""
    texts = [f"{{{','.join(map(str, phone_tokens(vault, value)))}}}" for _, value in phones]
    await execute(tx, _INDEX_PHONES, [(key, text) for (key, _), text in zip(phones, texts, strict=True)])


async def _copy(tx: Tx, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """New rows: COPY spares the arrays, which the driver takes thrice as long to encode."""
    if rows:
        await (await driver(tx)).copy_records_to_table(table, records=rows, columns=columns)


async def execute(tx: Tx, statement: str, rows: Sequence[tuple[Any, ...]], *more: Any) -> None:
    """One statement for all rows, given as one array per column."""
    if rows:
        await (await driver(tx)).execute(statement, *map(list, zip(*rows, strict=True)), *more)
