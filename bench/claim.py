"""Claims in a stampede: a thousand members on a hundred coupons, against bare conditional updates of the same stock."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from bowen.incentive.v1 import coupon_service_pb2 as pb

from bench import servers
from bench.harness import Done, Meter, Report, Variant, alternate, check, shared
from chassis.clock import SystemClock
from chassis.db import Database
from chassis.errors import Refusal
from chassis.ids import new_id
from services.incentive.coupons.servicer import CouponServicer
from suite.embedded import Postgres

MEMBERS = 1_000
STOCK = 100
ROUNDS = 20
CONNECTIONS = 16

_TAKE = """
UPDATE coupon_template SET issued_count = issued_count + 1 WHERE template_id = $1 AND issued_count < stock
"""

_WRITE = """
INSERT INTO coupon (coupon_id, template_id, code, profile_id, number, issue_time) VALUES ($1, $2, $3, $4, 1, now())
"""


class Claims:
    """Claims through the service, in its own process, everybody at once."""

    def __init__(self, url: str) -> None:
        self._clock = SystemClock()
        self._db = Database.open(url)
        self._servicer = CouponServicer(self._db, self._clock)

    async def make(self) -> Sequence[pb.IssueCouponRequest]:
        """A new template, and one claim of every member."""
        last_day = (self._clock.now() + timedelta(days=30)).date()
        request = pb.CreateCouponTemplateRequest(
            request_id=str(new_id()),
            name="Ten off",
            value_minor=1_000,
            currency_code="CNY",
            stock=STOCK,
            coupons_per_profile_max=1,
            last_day=last_day.isoformat(),
        )
        created = await self._servicer.CreateCouponTemplate(request, None)  # type: ignore[arg-type]
        template_id = created.coupon_template.template_id
        return [
            pb.IssueCouponRequest(request_id=str(new_id()), template_id=template_id, profile_id=str(new_id()))
            for _ in range(MEMBERS)
        ]

    async def run(self, claims: Sequence[pb.IssueCouponRequest]) -> Done:
        """All at once. Wrong unless exactly the stock is given, and all others are told that it is."""
        outcomes: Counter[str] = Counter()

        async def claim(request: pb.IssueCouponRequest) -> None:
            try:
                await self._servicer.IssueCoupon(request, None)  # type: ignore[arg-type]
                outcomes["ok"] += 1
            except Refusal as refusal:
                outcomes[refusal.reason] += 1

        latencies = await shared(claims, MEMBERS, claim)
        check(outcomes == {"ok": STOCK, "SOLD_OUT": MEMBERS - STOCK}, f"outcomes are {dict(outcomes)}")
        return Done(len(claims), latencies)

    async def close(self) -> None:
        """Finish what was handed in."""
        await self._servicer.close()
        await self._db.close()


class Bare:
    """The same stock by conditional updates: no limits, no repeats, no facts; a transaction per claim."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def make(self) -> Sequence[tuple[UUID, UUID]]:
        """A new template, and one claim of every member."""
        template_id = new_id()
        await self._pool.execute(
            """
            INSERT INTO coupon_template (template_id, name, value_minor, currency_code, order_minor_min, stock,
                                         coupons_per_profile_max, last_day, time_zone, expire_time, create_time)
            VALUES ($1, 'Ten off', 1000, 'CNY', 0, $2, 1, '2099-12-31', 'UTC', '2100-01-01', now())
            """,
            template_id,
            STOCK,
        )
        return [(template_id, new_id()) for _ in range(MEMBERS)]

    async def run(self, claims: Sequence[tuple[UUID, UUID]]) -> Done:
        """All at once."""
        taken = 0

        async def claim(item: tuple[UUID, UUID]) -> None:
            nonlocal taken
            template_id, profile_id = item
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.execute(_TAKE, template_id) == "UPDATE 1":
                    coupon_id = new_id()
                    await connection.execute(_WRITE, coupon_id, template_id, coupon_id.hex, profile_id)
                    taken += 1

        latencies = await shared(claims, MEMBERS, claim)
        check(taken == STOCK, f"{taken} coupons were taken")
        return Done(len(claims), latencies)


async def verify(url: str) -> None:
    """Every template gave exactly its stock, and the coupons that are counted are there."""
    connection = await asyncpg.connect(url)
    wrong = await connection.fetchval(
        """
        SELECT count(*) FROM coupon_template AS template WHERE issued_count <> stock OR issued_count <> (
            SELECT count(*) FROM coupon WHERE coupon.template_id = template.template_id)
        """
    )
    await connection.close()
    check(wrong == 0, f"{wrong} templates gave another number than they count")


async def compare(report: Report, server: Postgres) -> None:
    """Both ways in turn, each on a database of its own."""
    urls = [await servers.database(server, f"claim_{kind}", "incentive") for kind in ("service", "bare")]
    claims = Claims(urls[0])
    async with asyncpg.create_pool(urls[1], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        bare = Bare(pool)
        variants: dict[str, Variant[Any]] = {
            "service": Variant(claims.make, claims.run),
            "bare": Variant(bare.make, bare.run),
        }
        runs = await alternate(variants, Meter(postgres=server.pid), rounds=ROUNDS)
    await claims.close()
    for url in urls:
        await verify(url)
    for name in variants:
        report.tell(f"claim: {name}: {runs.rate(name):,.0f} claims/s, µs per claim: {runs.costs(name)}")
    report.ratio("stampede, service / bare conditional updates", runs.ratios("service", "bare"), at_least=0.5)


async def run(report: Report) -> None:
    """Everything here."""
    async with servers.postgres() as server:
        await compare(report, server)
