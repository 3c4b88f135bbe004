"""What one coupon is, where it stands, and what may become of it (spec value §2.2).

A lock ends by itself: nothing has to run for it. Whoever comes first then takes the coupon, be it another order or the
one that had it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from chassis.errors import Refusal
from services.incentive.coupons.domain.templates import OnRevokeLocked, Reservation, Template
from services.incentive.coupons.errors import (
    AttrMissing,
    CouponExpired,
    CouponFrozen,
    CouponLocked,
    CouponNotPending,
    CouponOfAnother,
    CouponPending,
    CouponRedeemed,
    CouponRevoked,
)

LOCK_TTL_DEFAULT = timedelta(minutes=15)
GRACE = timedelta(days=7)


class Status(StrEnum):
    """Where a coupon stands."""

    PENDING = "pending"
    ISSUED = "issued"
    LOCKED = "locked"
    REDEEMED = "redeemed"
    FROZEN = "frozen"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a claim tells of whoever claims, hashed; empty for what it does not tell."""

    device: bytes = b""
    phone: bytes = b""
    payment: bytes = b""
    store_id: str = ""
    address: bytes = b""


NO_TRAITS = Traits()


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon. `number` counts a person's of a template, `use_count` the orders that had it.

    `owner_id` stands for the owner now, merges followed. `expire_time` is its own, where it has one. With
    `revoke_time` it is revoked, or will be once the lock that was there first has ended without a payment; a used one
    with it does not come back.
    """

    coupon_id: UUID
    template_id: UUID
    code: str
    profile_id: str | None
    number: int | None
    issue_time: datetime
    status: Status = Status.ISSUED
    order_reference: str | None = None
    redeem_time: datetime | None = None
    lock_until: datetime | None = None
    use_count: int = 0
    expire_time: datetime | None = None
    grace_used: bool = False
    return_time: datetime | None = None
    revoke_time: datetime | None = None
    restocked: bool = False
    traits: Traits = NO_TRAITS
    batch_id: UUID | None = None
    owner_id: str | None = None

    def end(self, template: Template) -> datetime:
        """First instant at which it can no longer be used."""
        return self.expire_time or template.expire_time

    def standing(self, template: Template, now: datetime) -> Status:
        """Where it stands now: a lock may have ended, its days may be over."""
        status = self.status
        if status == Status.LOCKED and self.lock_until is not None and now >= self.lock_until:
            status = Status.REVOKED if self.revoke_time else Status.ISSUED
        is_open = status in (Status.ISSUED, Status.FROZEN, Status.PENDING)
        return Status.EXPIRED if is_open and now >= self.end(template) else status

    def check_usable(self, template: Template, now: datetime) -> None:
        """Raises why nobody can use it now."""
        refusal = self._fault(template, now)
        if refusal is not None:
            raise refusal

    def _fault(self, template: Template, now: datetime) -> Refusal | None:
        match self.standing(template, now):
            case Status.REDEEMED:
                return CouponRedeemed(self.order_reference or "")
            case Status.LOCKED:
                return CouponLocked(self.lock_until or now)
            case Status.EXPIRED:
                return CouponExpired(self.end(template))
            case Status.FROZEN:
                return CouponFrozen()
            case Status.REVOKED:
                return CouponRevoked()
            case Status.PENDING:
                return CouponPending()
        return None

    def check_user(self, template: Template, profile_id: str) -> None:
        """Raises `AttrMissing` or `CouponOfAnother` when this buyer, merges followed, may not use it."""
        if template.policies.reservation == Reservation.SOFT or self.owner_id is None:
            return
        if not profile_id:
            raise AttrMissing("profile_id")
        if profile_id != self.owner_id:
            raise CouponOfAnother


def locked(coupon: Coupon, order_reference: str, until: datetime) -> Coupon:
    """Set a usable coupon aside for an order: a new use of it begins."""
    return replace(
        coupon,
        status=Status.LOCKED,
        order_reference=order_reference,
        lock_until=until,
        use_count=coupon.use_count + 1,
    )


def released(coupon: Coupon) -> Coupon:
    """Let a locked coupon go: it can be used again, unless it was revoked meanwhile."""
    status = Status.REVOKED if coupon.revoke_time else Status.ISSUED
    return replace(coupon, status=status, order_reference=None, lock_until=None)


def redeemed(coupon: Coupon, now: datetime) -> Coupon:
    """Use a coupon that its order has."""
    return replace(coupon, status=Status.REDEEMED, redeem_time=now, lock_until=None)


def returned(template: Template, coupon: Coupon, now: datetime) -> Coupon:
    """Give a used coupon back. One whose days are over meanwhile gets seven more, once (CPN-08)."""
    coupon = replace(released(coupon), redeem_time=None, return_time=now)
    if now < coupon.end(template) or coupon.grace_used:
        return coupon
    return replace(coupon, expire_time=now + GRACE, grace_used=True)


def is_kept(template: Template, coupon: Coupon, now: datetime) -> bool:
    """Whether who has it keeps what it is worth, whoever takes it back: it is used, or set aside and its lock wins."""
    standing = coupon.standing(template, now)
    return standing == Status.REDEEMED or (
        standing == Status.LOCKED and template.policies.on_revoke_locked == OnRevokeLocked.LOCK_WINS
    )


def withdrawn(coupon: Coupon, now: datetime) -> Coupon:
    """A coupon that its order keeps, and that nobody gets back from there."""
    return replace(coupon, revoke_time=coupon.revoke_time or now)


def revoked(template: Template, coupon: Coupon, *, restock: bool, now: datetime) -> Coupon:
    """Take a coupon back for good. One that is locked follows the policy (CPN-15). Raises `CouponRedeemed`."""
    if coupon.standing(template, now) == Status.REDEEMED:
        raise CouponRedeemed(coupon.order_reference or "")
    if coupon.status == Status.REVOKED:
        return coupon
    if is_kept(template, coupon, now):
        return withdrawn(coupon, now)
    return replace(
        coupon,
        status=Status.REVOKED,
        revoke_time=coupon.revoke_time or now,
        order_reference=None,
        lock_until=None,
        restocked=restock,
    )


def frozen(template: Template, coupon: Coupon, now: datetime) -> Coupon:
    """Set a coupon aside. Raises why it cannot be: it is used, locked, revoked or under review."""
    if coupon.status == Status.FROZEN:
        return coupon
    fault = coupon._fault(template, now)
    if fault is not None and not isinstance(fault, CouponExpired):
        raise fault
    return replace(coupon, status=Status.FROZEN, order_reference=None, lock_until=None)


def thawed(coupon: Coupon) -> Coupon:
    """Let a frozen coupon be used again."""
    return replace(coupon, status=Status.ISSUED) if coupon.status == Status.FROZEN else coupon


def reviewed(coupon: Coupon, *, approve: bool, now: datetime) -> Coupon:
    """Decide on a claim that waits. Raises `CouponNotPending`."""
    if coupon.status != Status.PENDING:
        raise CouponNotPending
    if approve:
        return replace(coupon, status=Status.ISSUED)
    return replace(coupon, status=Status.REVOKED, revoke_time=now, restocked=True)
