"""Templates, claims and single coupons."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import grpc
from bowen.incentive.v1 import coupon_service_pb2 as pb
from bowen.incentive.v1.coupon_service_pb2_grpc import CouponServiceServicer

from chassis import pagination
from chassis.batch import Gatherer
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import Refusal
from chassis.idempotency import Answer, Asked, answered, asked, once, once_each
from chassis.ids import new_id
from services.incentive.coupons.convert import coupons as convert
from services.incentive.coupons.convert import orders as order_convert
from services.incentive.coupons.domain.carts import Cart
from services.incentive.coupons.domain.claims import Claim
from services.incentive.coupons.domain.codes import CODE_BITS, code_from_text, code_of, code_or_none
from services.incentive.coupons.domain.coupons import Coupon, Status
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.errors import LookupLimit
from services.incentive.coupons.operations import claims, lookups, orders
from services.incentive.coupons.operations import coupons as operations
from services.incentive.coupons.operations import templates as template_operations
from services.incentive.coupons.store import coupons as store
from services.incentive.coupons.store import templates as template_store
from services.incentive.subjects import store as subjects

CHANGES_AT_ONCE_MAX = 8
CLAIMS_AT_ONCE_MAX = 500
CLAIMS_WAITING_MAX = 20_000

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar(
    "R",
    pb.ReviewCouponResponse,
    pb.ClaimCouponResponse,
    pb.RevokeCouponResponse,
    pb.FreezeCouponResponse,
    pb.ThawCouponResponse,
)


class CouponServicer(CouponServiceServicer):
    """Templates are the brand's: a caller that is bound to a store may read and redeem, but not issue or list."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        # Whoever comes at once waits here, and not for connections: nobody is turned away for want of one.
        self._lanes = asyncio.Semaphore(CHANGES_AT_ONCE_MAX)
        self._claims: Gatherer[Asked[Claim], pb.IssueCouponResponse | Answer] = Gatherer(
            self._issue, batch_max=CLAIMS_AT_ONCE_MAX, queue_max=CLAIMS_WAITING_MAX
        )

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._claims.close()

    async def end_revoked(self) -> None:
        """Take all coupons back whose revocation waited for their locks to end."""
        now = self._clock.now()
        while await self._db.transact(lambda tx: operations.end_revoked(tx, now=now)) == operations.ENDED_AT_ONCE_MAX:
            pass

    async def CreateCouponTemplate(
        self, request: pb.CreateCouponTemplateRequest, context: Context
    ) -> pb.CreateCouponTemplateResponse:
        subjects.check_brand(current().caller)
        template = convert.template_from_proto(request, template_id=new_id(), now=self._clock.now())

        async def work(tx: Tx) -> pb.CreateCouponTemplateResponse:
            await template_store.insert_template(tx, template)
            return pb.CreateCouponTemplateResponse(coupon_template=convert.template_to_proto(template))

        return await once(self._db, request, work, pb.CreateCouponTemplateResponse)

    async def UpdateCouponTemplate(
        self, request: pb.UpdateCouponTemplateRequest, context: Context
    ) -> pb.UpdateCouponTemplateResponse:
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> pb.UpdateCouponTemplateResponse:
            template = await template_operations.update_template(
                tx,
                UUID(request.template_id),
                name=request.name if request.HasField("name") else None,
                stock=request.stock if request.HasField("stock") else None,
                coupons_per_profile_max=(
                    request.coupons_per_profile_max if request.HasField("coupons_per_profile_max") else None
                ),
                last_day=request.last_day if request.HasField("last_day") else None,
            )
            return pb.UpdateCouponTemplateResponse(coupon_template=convert.template_to_proto(template))

        return await once(self._db, request, work, pb.UpdateCouponTemplateResponse)

    async def GetCouponTemplate(
        self, request: pb.GetCouponTemplateRequest, context: Context
    ) -> pb.GetCouponTemplateResponse:
        async with self._db.read() as tx:
            template = await template_store.get_template(tx, UUID(request.template_id))
        return pb.GetCouponTemplateResponse(coupon_template=convert.template_to_proto(template))

    async def ListCouponTemplates(
        self, request: pb.ListCouponTemplatesRequest, context: Context
    ) -> pb.ListCouponTemplatesResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            templates = await template_store.list_templates(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, templates, size, lambda template: [str(template.template_id)])
        return pb.ListCouponTemplatesResponse(
            coupon_templates=[convert.template_to_proto(template) for template in page], next_page_token=token
        )

    async def SetCouponGroup(self, request: pb.SetCouponGroupRequest, context: Context) -> pb.SetCouponGroupResponse:
        subjects.check_brand(current().caller)
        group = convert.group_from_proto(request)

        async def work(tx: Tx) -> pb.SetCouponGroupResponse:
            await template_store.set_group(tx, group)
            return pb.SetCouponGroupResponse(coupon_group=convert.group_to_proto(group))

        return await once(self._db, request, work, pb.SetCouponGroupResponse)

    async def IssueCoupon(self, request: pb.IssueCouponRequest, context: Context) -> pb.IssueCouponResponse:
        subjects.check_brand(current().caller)
        claim = Claim(
            UUID(request.template_id),
            request.profile_id,
            new_id(),
            code_of(secrets.randbits(CODE_BITS)),
            self._clock.now(),
            convert.traits_from_proto(request),
        )
        item = asked(request, claim, keep=None)
        return answered(await self._claims.submit(item), item, pb.IssueCouponResponse)

    async def _issue(self, batch: Sequence[Asked[Claim]]) -> Sequence[pb.IssueCouponResponse | Answer | BaseException]:
        """Decide on all who claim at this moment, in one transaction."""
        return await self._db.transact(lambda tx: once_each(tx, batch, _issued))

    async def ReviewCoupon(self, request: pb.ReviewCouponRequest, context: Context) -> pb.ReviewCouponResponse:
        now = self._clock.now()
        work = self._changing(
            lambda tx: operations.review_coupon(tx, request.code, approve=request.approve, now=now),
            pb.ReviewCouponResponse,
            now,
        )
        return await once(self._db, request, work, pb.ReviewCouponResponse, keep=None)

    async def ClaimCoupon(self, request: pb.ClaimCouponRequest, context: Context) -> pb.ClaimCouponResponse:
        now, caller = self._clock.now(), current().caller

        async def claim(tx: Tx) -> tuple[Template, Coupon]:
            await subjects.check_own(tx, caller, await subjects.resolve(tx, request.profile_id))
            return await operations.claim_coupon(tx, request.code, request.profile_id, now=now)

        work = self._changing(claim, pb.ClaimCouponResponse, now)
        await self._admit_lookup(request.profile_id, now)
        return await once(self._db, request, work, pb.ClaimCouponResponse, keep=None)

    async def LookUpCoupon(self, request: pb.LookUpCouponRequest, context: Context) -> pb.LookUpCouponResponse:
        """The same statements, whatever becomes of the code: nothing tells an unknown one from one that is used."""
        caller, now = current().caller, self._clock.now()
        await self._admit_lookup(caller.profile_id or request.profile_id, now)
        async with self._db.read() as tx:
            found = await store.find_by_code(tx, [code_or_none(request.code)])
            templates = await template_store.find_templates(tx, [coupon.template_id for coupon in found.values()])
        for coupon in found.values():
            template = templates[coupon.template_id]
            if coupon.standing(template, now) == Status.ISSUED:
                return pb.LookUpCouponResponse(is_usable=True, coupon=convert.looked_up(template, coupon, now=now))
        return pb.LookUpCouponResponse()

    async def _admit_lookup(self, profile_id: str, now: datetime) -> None:
        """Raises `LookupLimit`. What is counted stays counted, whatever becomes of the call."""
        if not profile_id:
            return
        wait = await self._db.transact(lambda tx: lookups.admit_lookup(tx, profile_id, now=now))
        if wait is not None:
            raise LookupLimit(wait)

    async def RevokeCoupon(self, request: pb.RevokeCouponRequest, context: Context) -> pb.RevokeCouponResponse:
        now = self._clock.now()
        work = self._changing(
            lambda tx: operations.revoke_coupon(tx, request.code, restock=request.restock, now=now),
            pb.RevokeCouponResponse,
            now,
        )
        return await once(self._db, request, work, pb.RevokeCouponResponse, keep=None)

    async def FreezeCoupon(self, request: pb.FreezeCouponRequest, context: Context) -> pb.FreezeCouponResponse:
        now = self._clock.now()
        work = self._changing(
            lambda tx: operations.freeze_coupon(tx, request.code, thaw=False, now=now), pb.FreezeCouponResponse, now
        )
        return await once(self._db, request, work, pb.FreezeCouponResponse)

    async def ThawCoupon(self, request: pb.ThawCouponRequest, context: Context) -> pb.ThawCouponResponse:
        now = self._clock.now()
        work = self._changing(
            lambda tx: operations.freeze_coupon(tx, request.code, thaw=True, now=now), pb.ThawCouponResponse, now
        )
        return await once(self._db, request, work, pb.ThawCouponResponse)

    def _changing(
        self, change: Callable[[Tx], Awaitable[tuple[Template, Coupon]]], response: type[R], now: datetime
    ) -> Callable[[Tx], Awaitable[R]]:
        """Work that changes a coupon of the brand's and tells how it stands."""
        subjects.check_brand(current().caller)

        async def work(tx: Tx) -> R:
            return response(coupon=convert.coupon_to_proto(*await change(tx), now=now))

        return work

    async def RedeemCoupon(self, request: pb.RedeemCouponRequest, context: Context) -> pb.RedeemCouponResponse:
        now, store_id = self._clock.now(), current().caller.store_id
        code = code_from_text(request.code)
        cart = Cart("", order_convert.lines_from_proto(request.lines), request.profile_id, store_id or request.store_id)
        fresh = order_convert.order_from_request(
            request.order_reference, cart, store_id=store_id, coupon_order_id=new_id(), now=now
        )

        async def work(tx: Tx) -> pb.RedeemCouponResponse:
            template, coupon, order = await orders.redeem_coupon(tx, code, fresh, request.order_minor, now=now)
            use = next(each for each in order.live if each.coupon_id == coupon.coupon_id)
            known = {coupon.coupon_id: (template, coupon)}
            return pb.RedeemCouponResponse(
                coupon=convert.coupon_to_proto(template, coupon, now=now),
                use=order_convert.use_to_proto(use, known) if order.cart.lines else None,
            )

        async with self._lanes:
            return await once(self._db, request, work, pb.RedeemCouponResponse, keep=None)

    async def ListProfileCoupons(
        self, request: pb.ListProfileCouponsRequest, context: Context
    ) -> pb.ListProfileCouponsResponse:
        caller, now = current().caller, self._clock.now()
        subjects.check_brand(caller)
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or pagination.LAST_ID
        async with self._db.read() as tx:
            profile_id = await subjects.resolve(tx, request.profile_id)
            await subjects.check_own(tx, caller, profile_id)
            ids = await subjects.list_ids(tx, profile_id)
            coupons = await store.list_coupons(tx, ids, before=before, limit=size + 1)
            templates = await template_store.find_templates(tx, {coupon.template_id for coupon in coupons})
        page, token = pagination.cut(request, coupons, size, lambda coupon: [str(coupon.coupon_id)])
        return pb.ListProfileCouponsResponse(
            coupons=[convert.coupon_to_proto(templates[each.template_id], each, now=now) for each in page],
            next_page_token=token,
        )


async def _issued(tx: Tx, batch: Sequence[Claim]) -> Sequence[pb.IssueCouponResponse | Refusal]:
    outcomes = await claims.issue_coupons(tx, batch)
    return [
        outcome
        if isinstance(outcome, Refusal)
        else pb.IssueCouponResponse(coupon=convert.coupon_to_proto(*outcome, now=claim.now))
        for claim, outcome in zip(batch, outcomes, strict=True)
    ]
