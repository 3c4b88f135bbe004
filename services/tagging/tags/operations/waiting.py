"""People who are judged without anybody telling something of them: time has passed, or the law has changed."""

from collections.abc import Sequence
from datetime import datetime

from chassis.db import Database, Tx
from services.tagging.rules import store as rule_store
from services.tagging.rules.domain import State
from services.tagging.subjects import store as subjects
from services.tagging.tags.operations.judging import take_in

CHUNK = 500


async def judge_due(db: Database, now: datetime) -> int:
    """Judge people for whom time alone may have changed something. Returns how many."""
    async with db.read() as tx:
        due = await subjects.list_due(tx, now=now, limit=CHUNK)
    if due:
        await db.transact(lambda tx: _judge_known(tx, due, now))
    return len(due)


async def _judge_known(tx: Tx, profile_ids: Sequence[str], now: datetime) -> None:
    """Judge those of the people who were not forgotten since they were listed."""
    known = await subjects.hold_known(tx, profile_ids)
    if known:
        await take_in(tx, [(profile_id, now) for profile_id in known])


async def backfill(tx: Tx, now: datetime) -> bool:
    """Apply a new rule or segment to the next people in line. False when nothing waits."""
    waiting = await subjects.lock_backfill(tx)
    if waiting is None:
        return False
    if waiting.is_new:  # in a transaction of its own, which ends at once: while it waits nobody can be opened
        await subjects.begin_backfill(tx, waiting.definition_id)
        return True
    people = await subjects.list_after(tx, waiting.cursor, limit=CHUNK)
    await _judge_known(tx, people, now)
    await subjects.save_backfill(tx, waiting.definition_id, cursor=people[-1] if people else "")
    if not people and waiting.rule_id:
        await rule_store.save_state(tx, waiting.rule_id, before=State.BACKFILLING, after=State.ACTIVE)
    return True
