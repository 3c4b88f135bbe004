"""What changes the rules of assets."""

from dataclasses import replace
from datetime import datetime

from chassis.db import Tx
from services.incentive.ledger import store
from services.incentive.ledger.domain import programmes
from services.incentive.ledger.domain.programmes import Programme
from services.incentive.ledger.errors import ProgrammeExists, ProgrammeNotFound


async def create_programme(tx: Tx, programme: Programme, now: datetime) -> Programme:
    """Give an asset rules. Raises `ProgrammeInvalid`, `ProgrammeExists`."""
    if await store.lock_latest(tx, programme.asset):
        raise ProgrammeExists(programme.asset)
    await store.insert_programme(tx, programmes.checked(programme, now=now))
    return programme


async def update_programme(tx: Tx, programme: Programme, now: datetime) -> Programme:
    """Add a version to the rules of an asset. Raises `ProgrammeInvalid`, `ProgrammeNotFound`."""
    latest = await store.lock_latest(tx, programme.asset)
    if latest is None:
        raise ProgrammeNotFound(programme.asset)
    programme = programmes.checked(replace(programme, version=latest.version + 1), now=now)
    await store.insert_programme(tx, programme)
    return programme
