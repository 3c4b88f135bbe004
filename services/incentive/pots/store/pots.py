"""Pots themselves."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.pots.domain import Metric, Pot, PrizeRules, State
from services.incentive.pots.domain.prizes import Levels, Lottery, Plan, Prizes, RandomSplit, ThinPool
from services.incentive.pots.errors import PotNotFound

_POT = """
SELECT pot_id, name, state, event_name, score_min, asset, start_time, end_time, freeze_time, create_time, budget_id,
       set_hash, metric, currency_code, rules, seed, entry_hash, carry_over_pot_id, void_amount, carried_amount,
       received_amount, "when", kind, plan, top_count, top_amount, shared_pool, thin_pool
FROM pot
"""

_INSERT = """
INSERT INTO pot (pot_id, name, state, event_name, score_min, asset, start_time, end_time, freeze_time, create_time,
                 budget_id, metric, rules, seed, kind, plan, top_count, top_amount, shared_pool, thin_pool,
                 currency_code, carry_over_pot_id, "when")
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
"""

_SAVE = """
UPDATE pot SET state = $2, set_hash = $3, entry_hash = $4, void_amount = $5, carried_amount = $6 WHERE pot_id = $1
"""

_ENDOW = "UPDATE pot SET shared_pool = shared_pool + $2, received_amount = received_amount + $2 WHERE pot_id = $1"

_WITH_HEIR = f"""
{_POT} WHERE pot_id IN ($1, (SELECT carry_over_pot_id FROM pot WHERE pot_id = $1)) ORDER BY pot_id FOR UPDATE
"""  # noqa: S608 (constants)

_FROZEN_OF_ORDERS = f"""
{_POT} WHERE metric <> 'events' AND state IN ('frozen', 'settling', 'settled') AND EXISTS (
    SELECT FROM pot_point AS point WHERE point.pot_id = pot.pot_id AND point.event_id = ANY($1::uuid[])
) ORDER BY pot_id FOR UPDATE
"""

_RANKED = "ranked"
_PLANS: dict[str, type[RandomSplit | Lottery | Levels]] = {"random": RandomSplit, "lottery": Lottery, "levels": Levels}
_KINDS: dict[type[Plan], str] = {Prizes: _RANKED} | {plan: kind for kind, plan in _PLANS.items()}


async def insert_pot(tx: Tx, pot: Pot) -> None:
    """Add a pot."""
    await (await driver(tx)).execute(
        _INSERT,
        pot.pot_id,
        pot.name,
        pot.state,
        pot.event_name,
        pot.score_min,
        pot.asset,
        pot.start_time,
        pot.end_time,
        pot.freeze_time,
        pot.create_time,
        pot.budget_id,
        pot.metric,
        _json(pot.rules) if pot.rules else "",
        pot.seed,
        *_plan_columns(pot.prizes),
        pot.currency_code,
        pot.carry_over_pot_id,
        pot.when,
    )


def _plan_columns(plan: Plan) -> tuple[object, ...]:
    """Prizes for the best have columns of their own, the other plans stand as JSON."""
    kind = _KINDS[type(plan)]
    if isinstance(plan, Prizes):
        return kind, "", plan.top_count, plan.top_amount, plan.shared_pool, plan.thin_pool
    return kind, _json(plan), 0, 0, 0, ThinPool.VOID


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def save_pot(tx: Tx, pot: Pot) -> None:
    """Keep where a locked pot stands."""
    values = (pot.state, pot.set_hash, pot.entry_hash, pot.void_amount, pot.carried_amount)
    await (await driver(tx)).execute(_SAVE, pot.pot_id, *values)


async def endow(tx: Tx, heir: Pot, amount: int) -> None:
    """Add to the shared pool of a locked pot what another carried over to it."""
    await (await driver(tx)).execute(_ENDOW, heir.pot_id, amount)


async def get_pot(tx: ReadTx, pot_id: UUID) -> Pot:
    """A pot. Raises `PotNotFound`."""
    return await _fetch(tx, f"{_POT} WHERE pot_id = $1", pot_id)


async def hold_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Keep a pot as it is, beside others who score and claim. Raises `PotNotFound`."""
    return await _fetch(tx, f"{_POT} WHERE pot_id = $1 FOR SHARE", pot_id)


async def lock_pot(tx: Tx, pot_id: UUID) -> Pot:
    """Be the only one who moves a pot on, while nobody scores. Raises `PotNotFound`."""
    return await _fetch(tx, f"{_POT} WHERE pot_id = $1 FOR UPDATE", pot_id)


async def lock_with_heir(tx: Tx, pot_id: UUID) -> tuple[Pot, Pot | None]:
    """Be the only one who moves a pot on, and the one that its pool is carried over to. Raises `PotNotFound`."""
    pots = {pot.pot_id: pot for pot in map(_pot, await (await driver(tx)).fetch(_WITH_HEIR, pot_id))}
    pot = pots.pop(pot_id, None)
    if pot is None:
        raise PotNotFound(pot_id)
    return pot, next(iter(pots.values()), None)


async def find_heir(tx: Tx, pot: Pot) -> Pot | None:
    """The pot that a pool is to be carried over to, held as it is; None if there is none."""
    row = await (await driver(tx)).fetchrow(f"{_POT} WHERE pot_id = $1 FOR SHARE", pot.carry_over_pot_id)
    return _pot(row) if row else None


async def lock_settling(tx: Tx) -> Pot | None:
    """A pot that is being paid and that no other replica pays at this moment."""
    query = f"{_POT} WHERE state = 'settling' ORDER BY pot_id LIMIT 1 FOR UPDATE SKIP LOCKED"
    row = await (await driver(tx)).fetchrow(query)
    return _pot(row) if row else None


async def lock_frozen_of_orders(tx: Tx, order_ids: Collection[UUID]) -> list[Pot]:
    """Be the only one who moves those frozen pots on in which orders scored."""
    rows = await (await driver(tx)).fetch(_FROZEN_OF_ORDERS, list(order_ids))
    return [_pot(row) for row in rows]


async def _fetch(tx: ReadTx, query: str, pot_id: UUID) -> Pot:
    row = await (await driver(tx)).fetchrow(query, pot_id)
    if row is None:
        raise PotNotFound(pot_id)
    return _pot(row)


def _pot(row: Any) -> Pot:
    fields = dict(row)
    kind, plan, *ranked = (fields.pop(name) for name in _PLAN_COLUMNS)
    rules = fields["rules"]
    return Pot(
        **fields
        | {
            "state": State(fields["state"]),
            "metric": Metric(fields["metric"]),
            "rules": msgspec.json.decode(rules, type=PrizeRules) if rules else None,
            "prizes": _ranked(*ranked) if kind == _RANKED else msgspec.json.decode(plan, type=_PLANS[kind]),
        }
    )


_PLAN_COLUMNS = ("kind", "plan", "top_count", "top_amount", "shared_pool", "thin_pool")


def _ranked(top_count: int, top_amount: int, shared_pool: int, thin_pool: str) -> Prizes:
    return Prizes(top_count, top_amount, shared_pool, ThinPool(thin_pool))
