"""One suite for all faults: PostgreSQL and NATS as durable as they are in earnest."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.running import UNHURRIED, Suite, running
from tests.e2e.world import World, client_of


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite]:
    """The suite that has to bear it."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-faults-"))
    with running(folder, {"BOWEN_PUBLISH_TRANSFERS": "true"} | UNHURRIED) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def world(suite: Suite) -> AsyncIterator[World]:
    """A part of the suite's world that no other test has."""
    async with client_of(suite) as client:
        yield World(suite, client)
