"""What other services answer."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from logic.privacy import erasure_proof
from services.profile.privacy import store
from services.profile.privacy.domain import State
from services.profile.privacy.operations.bundling import put_part
from services.profile.vault.domain import Vault


async def confirm(
    tx: Tx, request_id: UUID, service: str, counts: Mapping[str, int], proof_hash: str, *, done: datetime, now: datetime
) -> None:
    """A service forgot a person, at the time `done` by its own clock.

    Raises `ValueError` when its proof is not that of its counts.
    """
    if proof_hash != erasure_proof(str(request_id), service, counts):
        raise ValueError(f"the proof of {service} does not fit its counts")
    await store.lock_request(tx, request_id)
    await store.save_done(tx, request_id, service, counts, proof_hash, done=min(done, now), now=now)


async def provide(
    tx: Tx, vault: Vault, request_id: UUID, service: str, number: int, total: int, lines: str, *, now: datetime
) -> None:
    """A service told a part of what it holds. It comes too late when the person was erased meanwhile."""
    request = await store.lock_request(tx, request_id)
    if request.state != State.IN_PROGRESS:
        return
    if await put_part(tx, vault, request_id, service, number, total, lines):
        await store.save_done(tx, request_id, service, {"parts": total}, "", now=now)
