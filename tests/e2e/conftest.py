"""One suite for all journeys; each test has a world of its own in it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.e2e.running import UNHURRIED, Suite, running, shoppers
from tests.e2e.world import World, client_of


@pytest.fixture(scope="session")
def mall_key() -> ECKey:
    """What the mall signs its shoppers' tokens with."""
    return ECKey.generate_key("P-256", {"kid": "mall"})


@pytest.fixture(scope="session")
def suite(mall_key: ECKey) -> Iterator[Suite]:
    """The suite. Not in pytest's own folder: PostgreSQL may run as another user."""
    folder = Path(tempfile.mkdtemp(prefix="bowen-e2e-"))
    settings = shoppers(folder, KeySet([mall_key]).as_dict(private=False)) | UNHURRIED
    with running(folder, settings) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def world(suite: Suite) -> AsyncIterator[World]:
    """A part of the suite's world that no other test has."""
    async with client_of(suite) as client:
        yield World(suite, client)
