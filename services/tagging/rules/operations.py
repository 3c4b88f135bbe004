"""What changes in rules by hand. Their effect on people is in `tags`."""

from datetime import datetime

from chassis.db import Tx
from services.tagging.rules import domain, store
from services.tagging.rules.domain import Rule, State
from services.tagging.subjects import store as subjects
from services.tagging.taxonomy import store as taxonomy


async def create_rule(tx: Tx, *, rule_id: str, tag_id: str, when: str, now: datetime) -> Rule:
    """Create a rule, live at once, and have everybody judged by it."""
    domain.compile_condition(when)
    await taxonomy.get_tag(tx, tag_id)
    rule = Rule(rule_id, tag_id, when, State.BACKFILLING, now)
    await store.save_rule(tx, rule)
    await subjects.start_backfill(tx, rule_id, rule_id=rule_id)
    return rule
