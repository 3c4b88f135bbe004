"""Every statement on rules."""

from uuid import UUID

from chassis.db import ReadTx, Tx, driver, violated
from services.tagging.rules.domain import Rule, State
from services.tagging.rules.errors import RuleNotFound, TagHasRule

_RULE = 'SELECT rule_id::text, tag_id::text, "when", state, create_time FROM rule'

_INSERT = 'INSERT INTO rule (rule_id, tag_id, "when", state, create_time) VALUES ($1, $2, $3, $4, $5)'


def _rule(row: tuple[str, str, str, str, object]) -> Rule:
    rule_id, tag_id, when, state, create_time = row
    return Rule(rule_id, tag_id, when, State(state), create_time)  # type: ignore[arg-type]


async def get_rule(tx: ReadTx, rule_id: str) -> Rule:
    """A rule. Raises `RuleNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_RULE} WHERE rule_id = $1", rule_id)
    if row is None:
        raise RuleNotFound(rule_id)
    return _rule(row)


async def list_rules(tx: ReadTx, *, after: UUID, limit: int) -> list[Rule]:
    """Rules after an id, oldest first."""
    rows = await (await driver(tx)).fetch(f"{_RULE} WHERE rule_id > $1::uuid ORDER BY rule_id LIMIT $2", after, limit)
    return [_rule(row) for row in rows]


async def list_live(tx: ReadTx) -> list[Rule]:
    """All rules that are not stopped, oldest first."""
    rows = await (await driver(tx)).fetch(f"{_RULE} WHERE state <> 'stopped' ORDER BY rule_id")
    return [_rule(row) for row in rows]


async def save_rule(tx: Tx, rule: Rule) -> None:
    """Insert a rule. Raises `TagHasRule`."""
    try:
        await (await driver(tx)).execute(
            _INSERT, rule.rule_id, rule.tag_id, rule.when, rule.state.value, rule.create_time
        )
    except Exception as error:
        if violated(error) == "rule_live_tag_key":
            raise TagHasRule(rule.tag_id) from error
        raise


async def save_state(tx: Tx, rule_id: str, *, before: State, after: State) -> None:
    """Move a rule on, if it still stands where it stood `before`."""
    await (await driver(tx)).execute(
        "UPDATE rule SET state = $3 WHERE rule_id = $1 AND state = $2", rule_id, before.value, after.value
    )


async def stop_rule(tx: Tx, rule_id: str) -> Rule:
    """Stop a rule. Raises `RuleNotFound`."""
    await (await driver(tx)).execute("UPDATE rule SET state = 'stopped' WHERE rule_id = $1", rule_id)
    return await get_rule(tx, rule_id)
