"""Tills and checkouts: carts that are valid unless a test says otherwise, and what is done with coupons on orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bowen.incentive.v1 import coupon_order_pb2, coupon_pb2
from bowen.incentive.v1 import coupon_order_service_pb2 as pb
from bowen.incentive.v1 import coupon_service_pb2 as coupons_pb

from chassis.errors import Refusal
from tests.service.incentive.rewarding import Incentive, new

Order = coupon_order_pb2.CouponOrder
Use = coupon_order_pb2.CouponUse
Policies = coupon_pb2.CouponPolicies
Limit = coupon_pb2.CouponLimit
Group = coupon_pb2.CouponGroup
State = coupon_pb2.Coupon.State


def terms(**fields: Any) -> coupon_pb2.CouponTerms:
    return coupon_pb2.CouponTerms(**fields)


def a_line(line_no: int, price: int, quantity: int = 1, product: str = "", category: str = "") -> Any:
    return coupon_order_pb2.CartLine(
        line_no=line_no,
        product_id=product or f"p-{line_no}",
        category=category,
        quantity=quantity,
        unit_price_minor=price,
    )


def a_cart(*prices: int, lines: Sequence[Any] = (), **fields: Any) -> coupon_order_pb2.Cart:
    """One piece of 100 yuan, or one line per price."""
    lines = lines or [a_line(number, price) for number, price in enumerate(prices or (10_000,), start=1)]
    return coupon_order_pb2.Cart(**{"currency_code": "CNY", "lines": lines} | fields)


@dataclass
class Till:
    """Works on orders of one shop."""

    incentive: Incentive

    async def evaluate(self, cart: Any, *codes: str, with_wallet: bool = False) -> pb.EvaluateCouponsResponse:
        request = pb.EvaluateCouponsRequest(cart=cart, codes=codes, with_wallet=with_wallet)
        return await self.incentive.orders.EvaluateCoupons(request)  # type: ignore[misc,no-any-return]

    async def lock(
        self, *codes: str, order: str = "A-17", cart: Any = None, ttl: int = 0, request_id: str = ""
    ) -> coupon_order_pb2.CouponOrder:
        request = pb.LockCouponsRequest(
            request_id=request_id or new(), order_reference=order, cart=cart or a_cart(), codes=codes, ttl_seconds=ttl
        )
        return (await self.incentive.orders.LockCoupons(request)).coupon_order  # type: ignore[misc,no-any-return]

    async def unlock(self, order: str = "A-17") -> coupon_order_pb2.CouponOrder:
        request = pb.UnlockCouponsRequest(request_id=new(), order_reference=order)
        return (await self.incentive.orders.UnlockCoupons(request)).coupon_order  # type: ignore[misc,no-any-return]

    async def pay(self, order: str = "A-17", *, consent: bool = False, request_id: str = "") -> Any:
        request = pb.RedeemCouponsRequest(
            request_id=request_id or new(), order_reference=order, consents_to_full_charge=consent
        )
        return (await self.incentive.orders.RedeemCoupons(request)).coupon_order  # type: ignore[misc]

    async def refund(self, *pieces: tuple[int, int], order: str = "A-17", delivered: bool = False) -> Any:
        request = pb.RefundCouponsRequest(
            request_id=new(), order_reference=order, lines=_pieces(pieces), is_delivered=delivered
        )
        return (await self.incentive.orders.RefundCoupons(request)).coupon_refund  # type: ignore[misc]

    async def preview(self, *pieces: tuple[int, int], order: str = "A-17", delivered: bool = False) -> Any:
        request = pb.PreviewCouponRefundRequest(order_reference=order, lines=_pieces(pieces), is_delivered=delivered)
        return (await self.incentive.orders.PreviewCouponRefund(request)).coupon_refund  # type: ignore[misc]

    async def order(self, order: str = "A-17") -> coupon_order_pb2.CouponOrder:
        request = pb.GetCouponOrderRequest(order_reference=order)
        return (await self.incentive.orders.GetCouponOrder(request)).coupon_order  # type: ignore[misc,no-any-return]

    async def redeem(self, code: str, *lines: Any, order: str = "A-17", **fields: Any) -> Any:
        request = coupons_pb.RedeemCouponRequest(
            request_id=new(), code=code, order_reference=order, lines=lines, **fields
        )
        return await self.incentive.coupons.RedeemCoupon(request)  # type: ignore[misc]

    async def revoke(self, code: str, *, restock: bool = False) -> coupon_pb2.Coupon:
        request = coupons_pb.RevokeCouponRequest(request_id=new(), code=code, restock=restock)
        return (await self.incentive.coupons.RevokeCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def freeze(self, code: str) -> coupon_pb2.Coupon:
        request = coupons_pb.FreezeCouponRequest(request_id=new(), code=code)
        return (await self.incentive.coupons.FreezeCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def thaw(self, code: str) -> coupon_pb2.Coupon:
        request = coupons_pb.ThawCouponRequest(request_id=new(), code=code)
        return (await self.incentive.coupons.ThawCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def look_up(self, code: str, profile_id: str = "") -> coupons_pb.LookUpCouponResponse:
        request = coupons_pb.LookUpCouponRequest(code=code, profile_id=profile_id)
        return await self.incentive.coupons.LookUpCoupon(request)  # type: ignore[misc,no-any-return]

    async def claim(self, code: str, profile_id: str) -> coupon_pb2.Coupon:
        request = coupons_pb.ClaimCouponRequest(request_id=new(), code=code, profile_id=profile_id)
        return (await self.incentive.coupons.ClaimCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def review(self, code: str, *, approve: bool) -> coupon_pb2.Coupon:
        request = coupons_pb.ReviewCouponRequest(request_id=new(), code=code, approve=approve)
        return (await self.incentive.coupons.ReviewCoupon(request)).coupon  # type: ignore[misc,no-any-return]

    async def group(self, name: str, mode: Any, position: int = 0) -> None:
        request = coupons_pb.SetCouponGroupRequest(request_id=new(), name=name, mode=mode, position=position)
        await self.incentive.coupons.SetCouponGroup(request)  # type: ignore[misc]

    async def a_coupon(self, profile_id: str = "", **template: Any) -> coupon_pb2.Coupon:
        """A coupon of a template of its own."""
        return await self.incentive.issue(await self.incentive.a_template(**template), profile_id)

    async def state(self, coupon: coupon_pb2.Coupon) -> str:
        """How a coupon stands in its owner's list."""
        found = {each.coupon_id: each for each in await self.incentive.coupons_of(coupon.profile_id)}
        return State.Name(found[coupon.coupon_id].state).removeprefix("STATE_")


def _pieces(pieces: Sequence[tuple[int, int]]) -> list[coupon_order_pb2.CouponRefundLine]:
    return [coupon_order_pb2.CouponRefundLine(line_no=no, quantity=quantity) for no, quantity in pieces]


def verdict(order: coupon_order_pb2.CouponOrder) -> str:
    return Order.Verdict.Name(order.verdict).removeprefix("VERDICT_")


def split(use: coupon_order_pb2.CouponUse) -> list[int]:
    """What a use takes off, line by line."""
    return [line.discount_minor for line in use.lines]


async def reason_of(attempt: Any) -> str:
    """The reason for which it is refused; empty if it is not."""
    try:
        await attempt
    except Refusal as refusal:
        return refusal.reason
    return ""
