"""People who are taken in row by row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.profile.attributes import domain as attributes
from services.profile.identity import store
from services.profile.identity.domain import RULES, Claim, Evidence, Origin, Rules, Trust, Verdict
from services.profile.identity.operations.settling import settle
from services.profile.identity.operations.suppressing import admitted
from services.profile.vault.domain import Vault


@dataclass(frozen=True, slots=True)
class Row:
    """A person to import. `key` and `fingerprint` are hashes of the row's id and of its content."""

    key: UUID
    fingerprint: UUID
    claims: tuple[Claim, ...]
    traits: attributes.Values
    time: datetime


@dataclass(frozen=True, slots=True)
class Import:
    """What became of a row. `is_duplicate`: nothing. `shut_out`: attributes that need a consent nobody gave."""

    profile_id: UUID
    is_created: bool = False
    is_duplicate: bool = False
    shut_out: tuple[str, ...] = ()


async def import_profiles(
    tx: Tx, rows: Sequence[Row], *, vault: Vault, source_id: str, now: datetime, rules: Rules = RULES
) -> list[Import | None]:
    """Take people in; None for a row of which every identifier is suppressed."""
    claims = await admitted(tx, vault, [row.claims for row in rows])
    bare = [replace(row, claims=kept) for row, kept in zip(rows, claims, strict=True) if kept]
    done = iter(await _import(tx, vault, bare, source_id=source_id, now=now, rules=rules))
    return [next(done) if kept else None for kept in claims]


async def _import(
    tx: Tx, vault: Vault, rows: Sequence[Row], *, source_id: str, now: datetime, rules: Rules
) -> list[Import]:
    """A row that had its effect before, or stands in the list before, changes nothing."""
    known = await store.imported(tx, {row.key for row in rows})
    fresh = list(_fresh(rows, known))
    batch = [(Evidence(row.claims, Origin(row.time, source_id, None, Trust.SERVER)), row.traits) for _, row in fresh]
    verdicts = await settle(tx, vault, batch, now=now, rules=rules)
    done = {index: _imported(row, verdict) for (index, row), verdict in zip(fresh, verdicts, strict=True)}
    imported = {row.key: store.Imported(row.fingerprint, done[index].profile_id) for index, row in fresh}
    await store.save_imported(tx, imported, now=now)
    outcomes = list(_outcomes(rows, {key: row.profile_id for key, row in known.items()}, done))
    roots = await store.roots_of(tx, {each.profile_id for each in outcomes})
    return [replace(each, profile_id=roots[each.profile_id]) for each in outcomes]


def _imported(row: Row, verdict: Verdict) -> Import:
    shut_out = tuple(name for name in row.traits if name in verdict.shut_out)
    return Import(verdict.person.root.profile_id, verdict.is_created, shut_out=shut_out)


def _outcomes(rows: Sequence[Row], known: dict[UUID, UUID], done: Mapping[int, Import]) -> Iterator[Import]:
    """What became of each row; one that had its effect is about whom its id was about last (`known`)."""
    for index, row in enumerate(rows):
        outcome = done.get(index) or Import(known[row.key], is_duplicate=True)
        known[row.key] = outcome.profile_id
        yield outcome


def _fresh(rows: Sequence[Row], known: Mapping[UUID, store.Imported]) -> Iterator[tuple[int, Row]]:
    """Rows that say something other than what was imported last under their id, with their index."""
    latest = {key: row.fingerprint for key, row in known.items()}
    for index, row in enumerate(rows):
        if latest.get(row.key) != row.fingerprint:
            latest[row.key] = row.fingerprint
            yield index, row
