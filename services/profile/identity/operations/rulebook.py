"""The rules that hold now, with what operators blocked."""

from dataclasses import replace

from chassis.db import Database, ReadTx
from services.profile.identity import store
from services.profile.identity.domain import RULES, Rules, blocked_of


class RuleBook:
    """Kept in memory, as every event is held against it, and read again every few seconds and after a change here."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules = rules
        self._listed: object = ()

    async def refresh(self, db: Database) -> None:
        """Read again what operators blocked."""
        async with db.read() as tx:
            await self.read(tx)

    async def read(self, tx: ReadTx) -> None:
        """Read again what operators blocked, as a transaction sees it."""
        listed = await store.list_blocked(tx)
        if listed != self._listed:
            self.rules, self._listed = replace(self.rules, blocked=blocked_of(listed)), listed
