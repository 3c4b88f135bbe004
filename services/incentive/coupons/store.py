"""Every statement on coupons."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain import Coupon, Template
from services.incentive.coupons.errors import CouponNotFound, CouponTemplateNotFound

_TEMPLATE = """
SELECT template_id, name, value_minor, currency_code, order_minor_min, stock, issued_count, redeemed_count,
       coupons_per_profile_max, last_day, time_zone, expire_time, create_time
FROM coupon_template
"""

_COUPON = """
SELECT template_id, coupon_id, code, profile_id::text, number, issue_time, order_reference, redeem_time FROM coupon
"""

_INSERT_TEMPLATE = """
INSERT INTO coupon_template (template_id, name, value_minor, currency_code, order_minor_min, stock, issued_count,
                             redeemed_count, coupons_per_profile_max, last_day, time_zone, expire_time, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_GET_TEMPLATE = f"{_TEMPLATE} WHERE template_id = $1"

_FIND_TEMPLATES = f"{_TEMPLATE} WHERE template_id = ANY($1::uuid[])"

_INSERT_COUPON = """
INSERT INTO coupon (coupon_id, template_id, code, profile_id, number, issue_time) VALUES ($1, $2, $3, $4::uuid, $5, $6)
"""

# The conditions repeat what was decided on the held row.
_COUNT_ISSUED = """
UPDATE coupon_template SET issued_count = issued_count + 1 WHERE template_id = $1 AND issued_count < stock
"""

_COUNT_REDEEMED = "UPDATE coupon_template SET redeemed_count = redeemed_count + 1 WHERE template_id = $1"

_SAVE_REDEEMED = """
UPDATE coupon SET order_reference = $2, redeem_time = $3 WHERE coupon_id = $1 AND redeem_time IS NULL
"""

_COUNT_OWNED = "SELECT count(*) FROM coupon WHERE template_id = $1 AND profile_id = ANY($2::uuid[])"

_LOCK_COUPON = f"{_COUPON} WHERE code = $1 FOR NO KEY UPDATE"

_LIST = f"{_COUPON} WHERE profile_id = ANY($1::uuid[]) AND coupon_id < $2 ORDER BY coupon_id DESC LIMIT $3"


class LostUpdate(AssertionError):
    """A held row changed under its lock."""


async def insert_template(tx: Tx, template: Template) -> None:
    """Add a template."""
    await (await driver(tx)).execute(
        _INSERT_TEMPLATE,
        template.template_id,
        template.name,
        template.value_minor,
        template.currency_code,
        template.order_minor_min,
        template.stock,
        template.issued_count,
        template.redeemed_count,
        template.coupons_per_profile_max,
        template.last_day,
        template.time_zone,
        template.expire_time,
        template.create_time,
    )


async def get_template(tx: ReadTx, template_id: UUID) -> Template:
    """A template with its counts. Raises `CouponTemplateNotFound`."""
    return _template(await (await driver(tx)).fetchrow(_GET_TEMPLATE, template_id), template_id)


async def lock_template(tx: Tx, template_id: UUID) -> Template:
    """Read a template and hold it until the transaction ends. Raises `CouponTemplateNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_GET_TEMPLATE} FOR NO KEY UPDATE", template_id)
    return _template(row, template_id)


def _template(row: Any, template_id: UUID) -> Template:
    if row is None:
        raise CouponTemplateNotFound(template_id)
    return Template(*row)


async def count_owned(tx: Tx, template_id: UUID, profile_ids: Collection[str]) -> int:
    """How many coupons of the held template a person has under any of their ids."""
    return int(await (await driver(tx)).fetchval(_COUNT_OWNED, template_id, list(profile_ids)))


async def save_issue(tx: Tx, template: Template, coupon: Coupon) -> None:
    """Write a coupon down, and that the held template has one less to issue."""
    connection = await driver(tx)
    _expect_one(await connection.execute(_COUNT_ISSUED, template.template_id))
    await connection.execute(
        _INSERT_COUPON,
        coupon.coupon_id,
        template.template_id,
        coupon.code,
        coupon.profile_id,
        coupon.number,
        coupon.issue_time,
    )


async def lock_coupon(tx: Tx, code: str) -> tuple[Template, Coupon]:
    """Hold the coupon of this code. Raises `CouponNotFound`."""
    row = await (await driver(tx)).fetchrow(_LOCK_COUPON, code)
    if row is None:
        raise CouponNotFound
    return await get_template(tx, row["template_id"]), _coupon(row)


async def save_redemption(tx: Tx, template: Template, coupon: Coupon) -> None:
    """Keep that the held coupon is used."""
    connection = await driver(tx)
    _expect_one(await connection.execute(_SAVE_REDEEMED, coupon.coupon_id, coupon.order_reference, coupon.redeem_time))
    await connection.execute(_COUNT_REDEEMED, template.template_id)


async def list_coupons(
    tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int
) -> list[tuple[Template, Coupon]]:
    """What a person has under any of their ids, newest first."""
    connection = await driver(tx)
    rows = await connection.fetch(_LIST, list(profile_ids), before, limit)
    found = await connection.fetch(_FIND_TEMPLATES, list({row["template_id"] for row in rows}))
    templates = {row["template_id"]: Template(*row) for row in found}
    return [(templates[row["template_id"]], _coupon(row)) for row in rows]


def _coupon(row: Any) -> Coupon:
    return Coupon(*tuple(row)[1:])


def _expect_one(result: str) -> None:
    if result != "UPDATE 1":
        raise LostUpdate(result)
