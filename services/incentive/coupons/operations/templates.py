"""Changing templates."""

from uuid import UUID

from chassis.db import Tx
from services.incentive.coupons.domain import templates as domain
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.store import templates as store


async def update_template(
    tx: Tx,
    template_id: UUID,
    *,
    name: str | None,
    stock: int | None,
    coupons_per_profile_max: int | None,
    last_day: str | None,
) -> Template:
    """Change what is given of a template. Raises `CouponTemplateNotFound`, `CouponTemplateInvalid`."""
    template = domain.updated(
        await store.lock_template(tx, template_id),
        name=name,
        stock=stock,
        coupons_per_profile_max=coupons_per_profile_max,
        last_day=last_day,
    )
    await store.save_template(tx, template)
    return template
