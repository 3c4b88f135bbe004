"""Templates and groups."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.coupons.domain.carts import Group, Mode
from services.incentive.coupons.domain.templates import Limit, Policies, Template, Terms
from services.incentive.coupons.errors import CouponTemplateNotFound

_COLUMNS = """
template_id, name, value_minor, currency_code, order_minor_min, stock, issued_count, redeemed_count,
coupons_per_profile_max, last_day, time_zone, expire_time, create_time, in_flight_count, limits, terms, policies
"""

_FIND = f"SELECT {_COLUMNS} FROM coupon_template WHERE template_id = ANY($1::uuid[])"  # noqa: S608 (constants)

_LOCK = f"{_FIND} ORDER BY template_id FOR NO KEY UPDATE"

_LIST = f"SELECT {_COLUMNS} FROM coupon_template WHERE template_id > $1 ORDER BY template_id LIMIT $2"  # noqa: S608

_INSERT = f"""
INSERT INTO coupon_template ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""  # noqa: S608 (constants)

_SAVE = """
UPDATE coupon_template SET name = $2, stock = $3, coupons_per_profile_max = $4, last_day = $5, expire_time = $6
WHERE template_id = $1
"""

# The conditions repeat what was decided on the held rows: no statement can give out more than there is.
_COUNT = """
UPDATE coupon_template AS template
SET issued_count = issued_count + moved.issued, redeemed_count = redeemed_count + moved.redeemed,
    in_flight_count = in_flight_count + moved.in_flight
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS moved (template_id, issued, redeemed, in_flight)
WHERE template.template_id = moved.template_id
  AND (moved.issued + moved.in_flight <= 0 OR issued_count + in_flight_count + moved.issued + moved.in_flight <= stock)
"""

_SET_GROUP = """
INSERT INTO coupon_group (name, mode, position) VALUES ($1, $2, $3)
ON CONFLICT ON CONSTRAINT coupon_group_pkey DO UPDATE SET mode = excluded.mode, position = excluded.position
"""

_GROUPS = "SELECT name, mode, position FROM coupon_group WHERE name = ANY($1::text[])"


class Moved(AssertionError):
    """A held row changed under its lock."""


Counts = tuple[UUID, int, int, int]
"""By how much the issued, redeemed and in-flight counts of a template move."""


async def insert_template(tx: Tx, template: Template) -> None:
    """Add a template."""
    await (await driver(tx)).execute(
        _INSERT,
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
        template.in_flight_count,
        _json(template.limits),
        _json(template.terms),
        _json(template.policies),
    )


async def save_template(tx: Tx, template: Template) -> None:
    """Keep what can be changed of a held template."""
    await (await driver(tx)).execute(
        _SAVE,
        template.template_id,
        template.name,
        template.stock,
        template.coupons_per_profile_max,
        template.last_day,
        template.expire_time,
    )


async def get_template(tx: ReadTx, template_id: UUID) -> Template:
    """A template with its counts. Raises `CouponTemplateNotFound`."""
    return _one(await find_templates(tx, [template_id]), template_id)


async def lock_template(tx: Tx, template_id: UUID) -> Template:
    """Read a template and hold it until the transaction ends. Raises `CouponTemplateNotFound`."""
    return _one(await lock_templates(tx, [template_id]), template_id)


def _one(found: dict[UUID, Template], template_id: UUID) -> Template:
    if template_id not in found:
        raise CouponTemplateNotFound(template_id)
    return found[template_id]


async def find_templates(tx: ReadTx, template_ids: Collection[UUID]) -> dict[UUID, Template]:
    """The templates of these ids."""
    rows = await (await driver(tx)).fetch(_FIND, list(template_ids))
    return {row["template_id"]: _template(row) for row in rows}


async def lock_templates(tx: Tx, template_ids: Collection[UUID]) -> dict[UUID, Template]:
    """Hold templates, in key order."""
    rows = await (await driver(tx)).fetch(_LOCK, list(template_ids))
    return {row["template_id"]: _template(row) for row in rows}


async def list_templates(tx: ReadTx, *, after: UUID, limit: int) -> list[Template]:
    """Templates, oldest first."""
    return [_template(row) for row in await (await driver(tx)).fetch(_LIST, after, limit)]


async def move_counts(tx: Tx, moved: Sequence[Counts]) -> None:
    """Move the counts of templates, each named once, which are held or about to be. Raises `Moved` past the stock."""
    if not moved:
        return
    rows = sorted(moved)
    done = await (await driver(tx)).execute(_COUNT, *(list(column) for column in zip(*rows, strict=True)))
    if done != f"UPDATE {len(rows)}":
        raise Moved(done)


async def set_group(tx: Tx, group: Group) -> None:
    """Say how a group decides."""
    await (await driver(tx)).execute(_SET_GROUP, group.name, group.mode, group.position)


async def find_groups(tx: ReadTx, names: Collection[str]) -> dict[str, Group]:
    """The groups of these names, those that nobody has set included."""
    rows = await (await driver(tx)).fetch(_GROUPS, list(names))
    known = {row["name"]: Group(row["name"], Mode(row["mode"]), row["position"]) for row in rows}
    return {name: known.get(name, Group(name)) for name in names}


def _template(row: Any) -> Template:
    *plain, limits, terms, policies = tuple(row)
    decoded = (
        msgspec.json.decode(limits, type=tuple[Limit, ...]),
        msgspec.json.decode(terms, type=Terms),
        msgspec.json.decode(policies, type=Policies),
    )
    return Template(*(*plain, *decoded))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
