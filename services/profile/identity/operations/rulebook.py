"""The rules that hold now, with what operators blocked."""

from collections.abc import Iterable
from datetime import datetime

from chassis.db import Database, ReadTx, Tx
from services.profile.identity import store
from services.profile.identity.domain import (
    RULES,
    Author,
    IdentifierRule,
    Numbers,
    Rules,
    Ruling,
    blocked_of,
    identifier_rules,
    kinds_of,
    rules_of,
)
from services.profile.vault.domain import Vault


class RuleBook:
    """Kept in memory, as every event is held against it, and read again every few seconds and after a change here."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self._read: object = None

    async def refresh(self, db: Database, vault: Vault) -> None:
        """Read again which rules hold and what operators blocked."""
        async with db.read() as tx:
            await self.read(tx, vault)

    async def read(self, tx: ReadTx, vault: Vault) -> None:
        """Read again which rules hold and what operators blocked, as a transaction sees it."""
        [ruling], listed = await store.list_rulings(tx, limit=1), await store.list_blocked(tx)
        if (ruling, listed) != self._read:
            self.rules = rules_of(ruling, blocked_of(store.open_blocked(vault, listed)))
            self._read = ruling, listed


async def put_rules(
    tx: Tx, numbers: Numbers, rules: Iterable[IdentifierRule], author: Author, *, now: datetime
) -> Ruling:
    """Have other rules hold from now on, as a new version; nobody who was settled before is settled again.

    Types that no rule names are as the release has them. What holds already makes no new version. Raises
    `IdentifierRuleInvalid`.
    """
    identifiers = identifier_rules(kinds_of(rules))
    await store.take_turn(tx, alone=True)
    [held] = await store.list_rulings(tx, limit=1)
    if (held.numbers, held.identifiers) == (numbers, identifiers):
        return held
    ruling = Ruling(held.version + 1, numbers, identifiers, author.actor, author.note, now)
    await store.save_ruling(tx, ruling)
    return ruling
