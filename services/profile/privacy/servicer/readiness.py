"""What calls about bundles check first."""

from uuid import UUID

from chassis.caller import current
from chassis.db import ReadTx
from chassis.errors import PermissionDenied
from services.profile.privacy import domain, store
from services.profile.privacy.domain import Request
from services.profile.privacy.errors import BundleNotReady


def check_brand() -> None:
    """Raises `PermissionDenied` for a key that is bound to a store: requests are the brand's."""
    if current().caller.store_id:
        raise PermissionDenied("privacy requests are not a store's")


async def ready(tx: ReadTx, request_id: UUID) -> Request:
    """A request whose bundle is whole. Raises `BundleNotReady` and `PrivacyRequestNotFound`."""
    found = await store.get_request(tx, request_id)
    steps = (await store.steps_of(tx, [request_id]))[request_id]
    waiting = [step.service for step in steps if step.done_time is None]
    if waiting or found.type not in domain.BUNDLES or found.state != domain.State.COMPLETED:
        raise BundleNotReady(waiting)
    return found
