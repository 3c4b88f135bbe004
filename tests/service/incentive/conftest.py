"""Fixtures of incentive's tests."""

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.clock import FixedClock
from tests.service.incentive.ledgering import Ledger, a_ledger


@pytest.fixture
async def ledger(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Ledger]:
    """A ledger with an empty database, over gRPC."""
    async with a_ledger(fresh_database("incentive"), clock) as ledger:
        yield ledger
