"""Lots that account for what was moved without them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from services.incentive.ledger.domain import Account, Standing
from services.incentive.ledger.domain.lots import Lot
from services.incentive.ledger.domain.shelf import Shelf
from tests.unit.incentive.test_programmes import NOON, a_programme

ME = "0192a000-0000-7000-8000-000000000001"
AVAILABLE = Account(f"member/{ME}/available", "points")


def a_lot(number: int, available: int, days: int) -> Lot:
    end = NOON + timedelta(days=days)
    values: dict[str, Any] = dict.fromkeys(Lot._fields)
    values |= {"lot_id": UUID(int=number), "root_id": UUID(int=number), "profile_id": ME, "asset": "points"}
    values |= {"amount": available, "available": available, "pending": 0, "held": 0, "expired": 0, "fair_value": 0}
    return Lot(**values | {"earn_time": NOON, "expire_time": end, "last_day": end.date(), "time_zone": "UTC"})


def a_shelf(*lots: Lot) -> Shelf:
    ids = (UUID(int=number) for number in count(100))
    shelf = Shelf({"points": a_programme()}, datetime(2026, 2, 1, tzinfo=UTC), lambda: next(ids))
    for lot in lots:
        shelf.add(lot)
    return shelf


@pytest.mark.parametrize(
    ("balance", "left"), [(30, [10, 20]), (25, [5, 20]), (20, [20]), (3, [3]), (0, []), (37, [10, 20, 7])]
)
def test_lots_account_for_a_balance_that_was_moved_without_them(balance: int, left: list[int]) -> None:
    shelf = a_shelf(a_lot(1, 20, 9), a_lot(2, 10, 3))

    shelf.cover({AVAILABLE: Standing(balance, 1)})

    assert [lot.available for lot in shelf.of(AVAILABLE)] == left
    assert [lot.last_day for lot in shelf.of(AVAILABLE)][2:] == [None] * len(left[2:])
