"""Writing down what was not stored."""

from collections.abc import Iterable
from datetime import datetime

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.identity.domain import Rules
from services.profile.rejections import domain, store
from services.profile.rejections.domain import Refused
from services.profile.vault.domain import Vault


async def record(tx: Tx, vault: Vault, refused: Iterable[Refused], *, rules: Rules, now: datetime) -> None:
    """Write down events that are not stored, in the transaction that stores their neighbours."""
    await store.add(tx, vault, domain.rejections(refused, vault, rules, new_id, now=now))
