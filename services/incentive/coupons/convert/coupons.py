"""Templates and coupons."""

from datetime import datetime
from uuid import UUID

from bowen.incentive.v1 import coupon_batch_service_pb2 as batch_pb
from bowen.incentive.v1 import coupon_pb2
from bowen.incentive.v1 import coupon_service_pb2 as pb

from chassis.stamps import stamp
from logic.calendar import ZONE_DEFAULT
from services.incentive.coupons.domain.batches import Batch
from services.incentive.coupons.domain.carts import Group, Mode
from services.incentive.coupons.domain.claims import hashed, plain_address
from services.incentive.coupons.domain.coupons import Coupon, Status, Traits
from services.incentive.coupons.domain.templates import (
    GROUP_DEFAULT,
    Entity,
    Limit,
    OnBrokenMinimum,
    OnCluster,
    OnLostLock,
    OnRevokeLocked,
    Period,
    Policies,
    Reservation,
    Template,
    Terms,
    check_limits,
    day_of,
    end_of,
)
from services.incentive.coupons.errors import CouponTemplateInvalid

_Limit = coupon_pb2.CouponLimit
_Policies = coupon_pb2.CouponPolicies
_Coupon = coupon_pb2.Coupon


def template_from_proto(request: pb.CreateCouponTemplateRequest, *, template_id: UUID, now: datetime) -> Template:
    """The template that is asked for. Raises `CouponTemplateInvalid`."""
    if (request.value_minor > 0) == (request.terms.percent_bp > 0):
        raise CouponTemplateInvalid("value_minor", "must be given, or terms.percent_bp, and not both")
    limits = tuple(_limit_from_proto(each) for each in request.limits)
    check_limits(limits)
    last_day, time_zone = day_of(request.last_day), request.time_zone or ZONE_DEFAULT
    return Template(
        template_id=template_id,
        name=request.name,
        value_minor=request.value_minor,
        currency_code=request.currency_code,
        order_minor_min=request.order_minor_min,
        stock=request.stock,
        issued_count=0,
        redeemed_count=0,
        coupons_per_profile_max=request.coupons_per_profile_max,
        last_day=last_day,
        time_zone=time_zone,
        expire_time=end_of(last_day, time_zone),
        create_time=now,
        limits=limits,
        terms=_terms_from_proto(request.terms),
        policies=_policies_from_proto(request.policies),
    )


def _limit_from_proto(limit: coupon_pb2.CouponLimit) -> Limit:
    period = limit.period or _Limit.PERIOD_TOTAL
    return Limit(
        Entity(_Limit.Entity.Name(limit.entity).removeprefix("ENTITY_").lower()),
        Period(_Limit.Period.Name(period).removeprefix("PERIOD_").lower()),
        limit.max,
    )


def _terms_from_proto(terms: coupon_pb2.CouponTerms) -> Terms:
    return Terms(
        percent_bp=terms.percent_bp,
        discount_minor_max=terms.discount_minor_max,
        products=frozenset(terms.products),
        categories=frozenset(terms.categories),
        store_ids=frozenset(terms.store_ids),
        group=terms.group or GROUP_DEFAULT,
        priority=terms.priority,
        exclusions=frozenset(terms.exclusions),
    )


def _policies_from_proto(policies: coupon_pb2.CouponPolicies) -> Policies:
    give_back, keep = _Policies.RETURN_GIVE_BACK, _Policies.RETURN_KEEP
    after = policies.on_refund_after_delivery
    return Policies(
        reservation=Reservation(
            "hard" if policies.reservation == _Policies.RESERVATION_HARD else "soft",
        ),
        on_lost_lock=OnLostLock(
            _named(_Policies.OnLostLock, policies.on_lost_lock or _Policies.ON_LOST_LOCK_REFUND_PAYMENT)
        ),
        on_revoke_locked=OnRevokeLocked(
            _named(_Policies.OnRevokeLocked, policies.on_revoke_locked or _Policies.ON_REVOKE_LOCKED_LOCK_WINS)
        ),
        on_broken_minimum=OnBrokenMinimum(
            _named(_Policies.OnBrokenMinimum, policies.on_broken_minimum or _Policies.ON_BROKEN_MINIMUM_KEEP)
        ),
        returns_before_delivery=policies.on_refund_before_delivery != keep,
        returns_after_delivery=after == give_back or (policies.is_compensation and after != keep),
        is_compensation=policies.is_compensation,
        on_cluster=OnCluster(_named(_Policies.OnCluster, policies.on_cluster or _Policies.ON_CLUSTER_REFUSE)),
    )


def _named(enum: object, number: int) -> str:
    """The word that a number of an enum stands for, without the enum's own name."""
    name: str = enum.Name(number)  # type: ignore[attr-defined] # every enum of a contract has it
    prefix: str = enum.Name(0).removesuffix("UNSPECIFIED")  # type: ignore[attr-defined]
    return name.removeprefix(prefix).lower()


def template_to_proto(template: Template) -> coupon_pb2.CouponTemplate:
    """A template with its counts."""
    return coupon_pb2.CouponTemplate(
        template_id=str(template.template_id),
        name=template.name,
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_minor_min=template.order_minor_min,
        stock=template.stock,
        issued_count=template.issued_count,
        redeemed_count=template.redeemed_count,
        coupons_per_profile_max=template.coupons_per_profile_max,
        last_day=template.last_day.isoformat(),
        time_zone=template.time_zone,
        expire_time=stamp(template.expire_time),
        create_time=stamp(template.create_time),
        in_flight_count=template.in_flight_count,
        limits=[_limit_to_proto(each) for each in template.limits],
        terms=_terms_to_proto(template.terms),
        policies=_policies_to_proto(template.policies),
    )


def _limit_to_proto(limit: Limit) -> coupon_pb2.CouponLimit:
    return coupon_pb2.CouponLimit(
        entity=_Limit.Entity.Value(f"ENTITY_{limit.entity.upper()}"),
        period=_Limit.Period.Value(f"PERIOD_{limit.period.upper()}"),
        max=limit.max,
    )


def _terms_to_proto(terms: Terms) -> coupon_pb2.CouponTerms:
    return coupon_pb2.CouponTerms(
        percent_bp=terms.percent_bp,
        discount_minor_max=terms.discount_minor_max,
        products=sorted(terms.products),
        categories=sorted(terms.categories),
        store_ids=sorted(terms.store_ids),
        group=terms.group,
        priority=terms.priority,
        exclusions=sorted(terms.exclusions),
    )


def _policies_to_proto(policies: Policies) -> coupon_pb2.CouponPolicies:
    returns = {True: _Policies.RETURN_GIVE_BACK, False: _Policies.RETURN_KEEP}
    return coupon_pb2.CouponPolicies(
        reservation=_Policies.Reservation.Value(f"RESERVATION_{policies.reservation.upper()}"),
        on_lost_lock=_Policies.OnLostLock.Value(f"ON_LOST_LOCK_{policies.on_lost_lock.upper()}"),
        on_revoke_locked=_Policies.OnRevokeLocked.Value(f"ON_REVOKE_LOCKED_{policies.on_revoke_locked.upper()}"),
        on_broken_minimum=_Policies.OnBrokenMinimum.Value(f"ON_BROKEN_MINIMUM_{policies.on_broken_minimum.upper()}"),
        on_refund_before_delivery=returns[policies.returns_before_delivery],
        on_refund_after_delivery=returns[policies.returns_after_delivery],
        is_compensation=policies.is_compensation,
        on_cluster=_Policies.OnCluster.Value(f"ON_CLUSTER_{policies.on_cluster.upper()}"),
    )


def traits_from_proto(request: pb.IssueCouponRequest) -> Traits:
    """What a claim tells of whoever claims, hashed."""
    template_id = UUID(request.template_id)
    return Traits(
        device=hashed(template_id, Entity.DEVICE, request.device_id),
        phone=hashed(template_id, Entity.PHONE, request.phone_hash),
        payment=hashed(template_id, Entity.PAYMENT, request.payment_hash),
        store_id=request.store_id,
        address=hashed(template_id, Entity.ADDRESS, plain_address(request.address_hash)),
    )


def coupon_to_proto(template: Template, coupon: Coupon, *, now: datetime) -> coupon_pb2.Coupon:
    """A coupon as it stands now."""
    standing = coupon.standing(template, now)
    shows_order = standing in (Status.LOCKED, Status.REDEEMED)
    return coupon_pb2.Coupon(
        coupon_id=str(coupon.coupon_id),
        template_id=str(template.template_id),
        code=coupon.code,
        profile_id=coupon.profile_id or "",
        state=_Coupon.State.Value(f"STATE_{standing.upper()}"),
        value_minor=template.value_minor,
        currency_code=template.currency_code,
        order_reference=(coupon.order_reference or "") if shows_order else "",
        issue_time=stamp(coupon.issue_time),
        redeem_time=stamp(coupon.redeem_time) if coupon.redeem_time else None,
        expire_time=stamp(coupon.end(template)),
        lock_expire_time=stamp(coupon.lock_until) if coupon.lock_until and standing == Status.LOCKED else None,
        return_time=stamp(coupon.return_time) if coupon.return_time else None,
        is_reserved=template.policies.reservation == Reservation.HARD,
    )


def looked_up(template: Template, coupon: Coupon, *, now: datetime) -> coupon_pb2.Coupon:
    """What anybody may know of a coupon that can be used."""
    known = coupon_to_proto(template, coupon, now=now)
    known.profile_id = ""
    return known


def group_from_proto(request: pb.SetCouponGroupRequest) -> Group:
    """The group that is asked for."""
    return Group(request.name, Mode(_named(coupon_pb2.CouponGroup.Mode, request.mode)), request.position)


def group_to_proto(group: Group) -> coupon_pb2.CouponGroup:
    """A group."""
    mode = coupon_pb2.CouponGroup.Mode.Value(f"MODE_{group.mode.upper()}")
    return coupon_pb2.CouponGroup(name=group.name, mode=mode, position=group.position)


def batch_to_proto(batch: Batch) -> batch_pb.CouponBatch:
    """A batch as it stands."""
    return batch_pb.CouponBatch(
        batch_id=str(batch.batch_id),
        template_id=str(batch.template_id),
        code_count=batch.code_count,
        made_count=batch.made_count,
        state=batch_pb.CouponBatch.State.Value(f"STATE_{batch.state.upper()}"),
        create_time=stamp(batch.create_time),
    )
