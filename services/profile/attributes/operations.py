"""Changes to what is known of people."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from chassis.db import Database, Tx
from services.profile.attributes import domain, events, store
from services.profile.attributes.domain import NOTHING, Known, Stated, Union, United
from services.profile.attributes.domain.rules import RULES_MAX, RuleRecord, Rules
from services.profile.attributes.errors import AttributeRulesMax
from services.profile.vault.domain import Vault

INDEXED_MAX = 500


async def apply(tx: Tx, vault: Vault, changes: Sequence[Stated | United], *, now: datetime) -> list[Union]:
    """Carry out statements and merges in order, on people whose rows are held. Returns the merges' outcomes in order.

    One `ProfileUpdated` per person whose values were changed by statements; merges are told by who made them.
    """
    if not changes:
        return []
    before, rules = await store.read(tx, vault, {profile_id for change in changes for profile_id in _about(change)})
    book = _Book(before, rules)
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
    return unions


def _about(change: Stated | United) -> tuple[UUID, ...]:
    return change[:2] if isinstance(change, United) else change[:1]


async def index_names(db: Database, vault: Vault) -> None:
    """Index the names of people that were written before there was an index, or by who knows of none."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        after = await db.transact(partial(store.index_names, vault=vault, after=after, limit=INDEXED_MAX))


class _Book:
    """What is known of the people of a batch. Values changed by statements count as one change, at the end."""

    def __init__(self, before: dict[UUID, Known], rules: Rules) -> None:
        self.now = dict(before)
        self._rules = rules
        self._told = dict(before)
        self._stated: set[UUID] = set()

    def state(self, change: Stated) -> None:
        known = self.now.get(change.profile_id, NOTHING)
        facts = domain.fold(known.facts, domain.ruled(change.facts, self._rules), self._rules)
        if facts != known.facts:
            self.now[change.profile_id] = Known(facts, max(known.version, 1), known.update_time)
            self._stated.add(change.profile_id)

    def unite(self, change: United) -> Union:
        survivor, loser = self.now.get(change.survivor_id, NOTHING), self.now.get(change.loser_id, NOTHING)
        version = max(survivor.version, loser.version) + 1
        after = Known(domain.fold(survivor.facts, loser.facts, self._rules), version, survivor.update_time)
        self.now[change.survivor_id] = self._told[change.survivor_id] = after
        self._stated.discard(change.loser_id)
        return Union(survivor, loser, after)

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
