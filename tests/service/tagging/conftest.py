"""Fixtures of tagging's tests."""

from collections.abc import AsyncIterator, Callable

import pytest

from chassis.clock import FixedClock
from tests.service.tagging.tagging import Tagging, a_tagging


@pytest.fixture
async def tagging(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Tagging]:
    """Tagging with an empty database, over gRPC."""
    async with a_tagging(fresh_database("tagging"), clock) as tagging:
        yield tagging
