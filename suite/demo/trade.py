"""Orders, refunds and coupons through the public API."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from suite.api import Api, Json, at_once, portions
from suite.dataset import CURRENCY, Campaign, Day, Redemption, Refund
from suite.demo.plan import Plan, Sale
from suite.demo.world import Maker, World
from suite.faults import Fault

ORDERS_PER_REQUEST = 150
LANES = 3
SMALL_LANES = 6


class Trade:
    """Replays what is sold, given back and redeemed."""

    def __init__(self, api: Api, plan: Plan, world: World, maker: Maker) -> None:
        self._api, self._plan, self._world, self._maker = api, plan, world, maker
        self._orders: dict[str, str] = {}
        self._campaigns = {campaign.campaign_id: campaign for campaign in plan.journey.campaigns}
        self.orders = 0
        self.lines = 0

    async def sell(self, sales: Sequence[Sale], now: datetime) -> None:
        """Bring a day's orders in: paid and delivered at the till."""
        rows = [self._row(sale) for sale in sales]

        async def send(portion: list[Json]) -> None:
            answer = await self._api.post("/v1/orders:import", {"rows": portion}, now=now)
            for outcome in answer["outcomes"]:
                if outcome["result"] == "REJECTED":
                    raise Fault(f"order {outcome['order_number']}: {outcome['reason']} {outcome['detail']}")
                self._orders[outcome["order_number"]] = outcome["order_id"]
            self.orders += len(portion)
            self.lines += sum(len(row["lines"]) for row in portion)

        await at_once(LANES, list(portions(rows, lambda row: row, ORDERS_PER_REQUEST)), send)

    def _row(self, sale: Sale) -> Json:
        row: Json = {
            "order_number": sale.number,
            "source": sale.source,
            "buyer": {"identifier": {"type": "member_no", "value": sale.member_no, "verified": True}},
            "store_id": self._world.partners[sale.store_id],
            "currency_code": CURRENCY,
            "lines": [
                {
                    "line_no": line.line_no,
                    "sku": line.sku,
                    "category": line.category,
                    "quantity": line.quantity,
                    "gross_minor": line.list_minor,
                    "discount_minor": line.discount_minor,
                }
                for line in sale.goods.lines
            ],
            "place_time": sale.at,
            "pay_time": sale.at,
            "deliver_time": sale.at,
        }
        if sale.guide:
            row["seller_partner_id"] = self._world.partners[sale.guide]
        return row

    async def refund(self, refunds: Sequence[Refund]) -> None:
        """Give money back."""
        await at_once(SMALL_LANES, refunds, self._refund)

    async def _refund(self, refund: Refund) -> None:
        order_id = await self._order(refund.order_id)
        lines = (
            []
            if refund.full
            else [{"line_no": line.line_no, "amount_minor": line.amount_minor} for line in refund.lines]
        )
        path = f"/v1/orders/{order_id}:refund"
        await self._api.post(path, {"lines": lines}, request_id=refund.refund_id, now=refund.refunded_at)

    async def _order(self, number: str) -> str:
        """An order's id; orders of an earlier run are looked up."""
        if number not in self._orders:
            found = await self._api.get("/v1/orders", order_number=number)
            self._orders[number] = found["orders"][0]["order_id"]
        return self._orders[number]

    async def mail(self, campaigns: Sequence[Campaign], now: datetime) -> None:
        """Give a coupon to everybody who is on the list of a mailing."""
        for campaign in campaigns:
            template = await self._maker.template(self._world, campaign)

            async def issue(member_no: str, template: str = template, name: str = campaign.campaign_id) -> None:
                await self._issue(template, member_no, f"mail:{name}:{member_no}", now)

            await at_once(SMALL_LANES, campaign.member_nos, issue)

    async def redeem(self, day: Day) -> None:
        """Use coupons on orders, each on the order of the data."""
        nets = {order.order_id: order.net_minor for order in day.orders}
        for redemption in day.redemptions:
            await self._redeem(redemption, nets.get(redemption.order_id or "", 0))

    async def _redeem(self, redemption: Redemption, order_minor: int) -> None:
        template = await self._maker.template(self._world, self._campaigns[redemption.campaign_id])
        name, at = redemption.redemption_id, redemption.redeemed_at
        code = await self._issue(template, redemption.member_no, f"{name}:issue", at - timedelta(minutes=1))
        body: Json = {"order_reference": redemption.order_id or name, "order_minor": order_minor}
        await self._api.post(f"/v1/coupons/{code}:redeem", body, request_id=f"{name}:redeem", now=at)

    async def _issue(self, template: str, member_no: str, request_id: str, now: datetime) -> str:
        body: Json = {"profile_id": self._world.members[member_no]}
        path = f"/v1/coupon-templates/{template}/coupons"
        answer = await self._api.post(path, body, request_id=request_id, now=now)
        return str(answer["coupon"]["code"])
