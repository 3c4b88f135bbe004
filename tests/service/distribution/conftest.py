"""Fixtures of distribution's tests."""

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.clock import FixedClock
from chassis.nats import Nats
from tests.service.distribution.network import Network, a_network


@pytest.fixture
async def network(fresh_database: Callable[[str], str], nats: Nats, clock: FixedClock) -> AsyncIterator[Network]:
    """A running distribution with a profile service and a ledger behind it."""
    async with a_network(fresh_database, nats, clock) as running:
        yield running
