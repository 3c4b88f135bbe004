"""What changes the network."""

from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.distribution.partners import domain, store
from services.distribution.partners.domain import Partner, PartnerChange, Visible
from services.distribution.partners.errors import PartnerCodeExists, PartnerNotFound


async def create_partner(tx: Tx, partner: Partner, *, visible: Visible = None) -> Partner:
    """Add a partner. A caller bound to a store adds below it only."""
    domain.require(visible, partner.parent_id)
    if partner.parent_id is not None:
        await _check_place(tx, partner.partner_id, partner.parent_id, height=1)
    if not await store.insert_partner(tx, partner):
        raise PartnerCodeExists(partner.role.name, partner.external_code)
    return await store.get_partner(tx, partner.partner_id)


async def update_partner(
    tx: Tx, partner_id: UUID, change: PartnerChange, *, now: datetime, visible: Visible = None
) -> Partner:
    """Change a partner; a move takes along what stands below it."""
    domain.require(visible, partner_id)
    if change.parent_id is not None:
        domain.require(visible, change.parent_id[0])
        await store.lock_hierarchy(tx)
    partner = await store.lock_partner(tx, partner_id)
    if change.parent_id is not None and change.parent_id[0] is not None:
        await _check_place(tx, partner_id, change.parent_id[0], height=await store.height(tx, partner_id))
    partner = domain.changed(partner, change, now=now)
    await store.update_partner(tx, partner)
    return await store.get_partner(tx, partner_id)


async def _check_place(tx: Tx, partner_id: UUID, parent_id: UUID, *, height: int) -> None:
    await store.lock_hierarchy(tx)
    path = await store.path(tx, parent_id)
    if not path:
        raise PartnerNotFound(parent_id)
    domain.check_place(partner_id, path, height)
