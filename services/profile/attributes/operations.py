"""Changes to what is known of people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from chassis.db import Database, Tx
from services.profile.attributes import domain, events, store
from services.profile.attributes.domain import NOTHING, Facts, Known, Stated, Union, United
from services.profile.attributes.domain.gates import NO_PERMISSION, Gate, Permission
from services.profile.attributes.domain.rules import RULES_MAX, Fact, RuleRecord, Rules
from services.profile.attributes.errors import AttributeRulesMax
from services.profile.vault.domain import Vault

INDEXED_MAX = 500


class Applied(NamedTuple):
    """What became of changes: of each merge, and for each statement the names of what may not be known."""

    unions: list[Union]
    shut_out: list[tuple[str, ...]]


async def apply(tx: Tx, vault: Vault, changes: Sequence[Stated | United], *, now: datetime) -> Applied:
    """Carry out statements and merges in order, on people whose rows are held. Outcomes are in order.

    What needs a consent that nobody gave is not kept, and no longer kept where it was: see `gates`. One
    `ProfileUpdated` per person whose values were changed by statements; merges are told by who made them.
    """
    if not changes:
        return Applied([], [])
    before, rules = await store.read(tx, vault, {profile_id for change in changes for profile_id in _about(change)})
    gate = domain.gate(rules, now)
    book = _Book(before, rules, gate, await _permissions(tx, gate, before, changes))
    unions: list[Union] = []
    for change in changes:
        if isinstance(change, United):
            unions.append(book.unite(change))
        else:
            book.state(change)
    updated = book.close()
    changed = sorted(item for item in book.now.items() if item[1] is not before.get(item[0]))
    called_as_before = {
        each for each, known in changed if each in before and domain.called(known) == domain.called(before[each])
    }
    await store.save(tx, vault, changed, now=now, called_as_before=called_as_before)
    await events.profile_updated(tx, updated, now=now)
    return Applied(unions, [book.shut_out(change) for change in changes if isinstance(change, Stated)])


async def _permissions(
    tx: Tx, gate: Gate, before: Mapping[UUID, Known], changes: Sequence[Stated | United]
) -> dict[UUID, Permission]:
    """What people agreed to, looked up only where something of the batch needs it."""
    said = [known.facts for known in before.values()] + [each.facts for each in changes if isinstance(each, Stated)]
    if not any(gate.concerns(facts) for facts in said):
        return {}
    return await store.permissions(tx, {profile_id for change in changes for profile_id in _about(change)})


def _about(change: Stated | United) -> tuple[UUID, ...]:
    return change[:2] if isinstance(change, United) else change[:1]


async def index_names(db: Database, vault: Vault) -> None:
    """Index the names of people that were written before there was an index, or by who knows of none."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        after = await db.transact(partial(store.index_names, vault=vault, after=after, limit=INDEXED_MAX))


class _Book:
    """What is known of the people of a batch. Values changed by statements count as one change, at the end."""

    def __init__(
        self, before: dict[UUID, Known], rules: Rules, gate: Gate, permissions: Mapping[UUID, Permission]
    ) -> None:
        self.now = dict(before)
        self._gate, self._permissions = gate, permissions
        self._rules = rules
        self._told = dict(before)
        self._stated: set[UUID] = set()

    def state(self, change: Stated) -> None:
        known = self.now.get(change.profile_id, NOTHING)
        facts = domain.fold(known.facts, domain.ruled(change.facts, self._rules), self._rules)
        facts = self._passed(change.profile_id, facts)
        if facts != known.facts:
            self.now[change.profile_id] = Known(facts, max(known.version, 1), known.update_time)
            self._stated.add(change.profile_id)

    def unite(self, change: United) -> Union:
        survivor, loser = self.now.get(change.survivor_id, NOTHING), self.now.get(change.loser_id, NOTHING)
        version = max(survivor.version, loser.version) + 1
        facts = self._passed(change.survivor_id, domain.fold(survivor.facts, loser.facts, self._rules))
        after = Known(facts, version, survivor.update_time)
        self.now[change.survivor_id] = self._told[change.survivor_id] = after
        self._stated.discard(change.loser_id)
        return Union(survivor, loser, after)

    def shut_out(self, change: Stated) -> tuple[str, ...]:
        """What was stated of a person and may not be known of them, as they turned out to be."""
        known = self.now.get(change.profile_id, NOTHING)
        permission = self._permissions.get(change.profile_id, NO_PERMISSION)
        return tuple(self._gate.shut_out({**known.facts, **change.facts}, permission) if change.facts else ())

    def _passed(self, profile_id: UUID, facts: Facts) -> dict[str, Fact]:
        return self._gate.passed(facts, self._permissions.get(profile_id, NO_PERMISSION))

    def close(self) -> list[tuple[UUID, Known, list[str]]]:
        """Raise the versions of those whose values others do not know yet; returns them."""
        updated = []
        for profile_id in sorted(self._stated):
            known, told = self.now[profile_id], self._told.get(profile_id, NOTHING)
            names = domain.changed(told.facts, known.facts)
            if names:
                known = self.now[profile_id] = Known(known.facts, told.version + 1, known.update_time)
                updated.append((profile_id, known, names))
        return updated


async def put_rule(tx: Tx, rule: RuleRecord) -> RuleRecord:
    """Set the rule of an attribute. Raises `AttributeRulesMax`."""
    await store.hold_rules(tx)
    held = {each.name for each in await store.list_rules(tx, limit=RULES_MAX)}
    if rule.name not in held and len(held) >= RULES_MAX:
        raise AttributeRulesMax(RULES_MAX)
    return await store.add_rule(tx, rule)
