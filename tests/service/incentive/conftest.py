"""Fixtures of incentive's tests."""

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.clock import FixedClock
from tests.service.incentive.couponing import Till
from tests.service.incentive.ledgering import Ledger, a_ledger
from tests.service.incentive.rewarding import Incentive, an_incentive
from tests.service.tagging.tagging import Tagging, a_tagging


@pytest.fixture
async def ledger(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Ledger]:
    """A ledger with an empty database, over gRPC."""
    async with a_ledger(fresh_database("incentive"), clock) as ledger:
        yield ledger


@pytest.fixture
async def incentive(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Incentive]:
    """The whole service with an empty database, over gRPC."""
    async with an_incentive(fresh_database("incentive"), clock) as incentive:
        yield incentive


@pytest.fixture
async def tagging(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Tagging]:
    """Tagging with an empty database, over gRPC, for incentive to ask."""
    async with a_tagging(fresh_database("tagging"), clock) as tagging:
        yield tagging


@pytest.fixture
def till(incentive: Incentive) -> Till:
    """A till of the brand's."""
    return Till(incentive)
