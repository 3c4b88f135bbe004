"""The rules of assets: since when they are in force, what they bound, what they refuse."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from bowen.incentive.v1 import ledger_pb2, programme_pb2
from bowen.incentive.v1 import programme_service_pb2 as rules_pb

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import Refusal
from chassis.stamps import stamp
from services.incentive.ledger import operations
from tests.service.incentive.ledgering import POSTED, a_transfer
from tests.service.incentive.lotting import Lots, a_lots, local, new
from tests.service.incentive.test_clawbacks import a_claim

NOON = local("2026-06-01 12:00:00")


@pytest.fixture
async def lots(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Lots]:
    async with a_lots(fresh_database("incentive"), clock) as lots:
        lots.set(NOON)
        yield lots
        await lots.check()


async def change(lots: Lots, **fields: Any) -> programme_pb2.Programme:
    programme = programme_pb2.Programme(**{"asset": "points", "name": "Points"} | fields)  # type: ignore[arg-type]
    request = rules_pb.UpdateProgrammeRequest(request_id=new(), programme=programme)
    return (await lots.rules.UpdateProgramme(request)).programme  # type: ignore[misc,no-any-return]


async def versions(lots: Lots, **fields: Any) -> rules_pb.ListProgrammesResponse:
    return await lots.rules.ListProgrammes(rules_pb.ListProgrammesRequest(**fields))  # type: ignore[misc,no-any-return]


async def test_a_programme_is_what_was_asked_for_with_its_defaults(lots: Lots) -> None:
    created = await lots.programme(daily_earn_max=500, grace_days=0)

    assert (created.version, created.time_zone, created.grace_days) == (1, "Asia/Shanghai", 0)
    assert created.clawback == programme_pb2.Programme.CLAWBACK_UNLIMITED
    read = await lots.rules.GetProgramme(rules_pb.GetProgrammeRequest(asset="points"))  # type: ignore[misc]
    assert read.programme == created
    with pytest.raises(Refusal, match="PROGRAMME_EXISTS"):
        await lots.programme()
    with pytest.raises(Refusal, match="PROGRAMME_NOT_FOUND"):
        await lots.rules.GetProgramme(rules_pb.GetProgrammeRequest(asset="stars"))  # type: ignore[misc]
    with pytest.raises(Refusal, match="PROGRAMME_NOT_FOUND"):
        await change(lots, asset="stars")


async def test_members_give_points_to_each_other_only_where_the_programme_says_so(lots: Lots) -> None:
    await lots.programme()
    giver, taker = new(), new()
    await lots.earn(giver, 100)

    def gift(**fields: Any) -> ledger_pb2.Transfer:
        return a_transfer(f"member/{giver}/available", f"member/{taker}/available", 30, **fields)

    refused = gift()
    asked = (refused, a_transfer("issuer/x", f"member/{taker}/available", 1, linked=True), gift())
    outcomes = await lots.ledger.post(*asked)
    other_asset = await lots.ledger.post(a_transfer("issuer/x", f"member/{giver}/available", 30, asset="stars"))
    other_asset += await lots.ledger.post(gift(asset="stars"))
    (own,) = await lots.ledger.post(a_transfer(f"member/{giver}/available", f"member/{giver}/held", 5))

    forbidden = "MEMBER_TRANSFER_FORBIDDEN"
    assert [each.reason for each in outcomes] == [forbidden, "LINKED_TRANSFER_REFUSED", forbidden]
    assert (own.result, {each.result for each in other_asset}) == (POSTED, {POSTED})
    assert (await lots.has(giver), await lots.has(taker)) == ({"available": 95, "held": 5}, {"available": 30})

    await change(lots, expiry="EXPIRY_YEAR_END", expiry_count=1, member_transfers=True)
    (given,) = await lots.ledger.post(allowed := gift())
    (again,) = await lots.ledger.post(refused)
    await change(lots, expiry="EXPIRY_YEAR_END", expiry_count=1)
    back = a_transfer(allowed.credit_account, allowed.debit_account, 30, reverses_transfer_id=allowed.transfer_id)
    (returned,) = await lots.ledger.post(back)

    assert (given.result, again.reason, returned.result) == (POSTED, forbidden, POSTED)
    assert await lots.left(giver) == [("2027-12-31", 95)]


async def test_pl_13_every_asset_has_rules_of_its_own(lots: Lots) -> None:
    await lots.programme()
    await lots.programme(asset="stars", expiry="EXPIRY_DAYS", expiry_count=0)
    who = new()
    await lots.earn(who, 10)
    await lots.ledger.post(a_transfer("issuer/x", f"member/{who}/available", 7, asset="stars"))

    assert [(lot.asset, lot.last_day) for lot in await lots.lots(who)] == [
        ("points", "2027-12-31"),
        ("stars", "2026-06-01"),
    ]


async def test_a_change_is_in_force_from_its_instant_and_rewrites_no_lot(lots: Lots) -> None:
    await lots.programme()
    who, then = new(), NOON + timedelta(days=1)
    await change(lots, expiry="EXPIRY_DAYS", expiry_count=30, effective_time=stamp(then))
    await lots.earn(who, 1)
    lots.set(then - timedelta(milliseconds=1))
    await lots.earn(who, 2)
    lots.set(then)
    await lots.earn(who, 3)

    assert await lots.left(who) == [("2027-12-31", 1), ("2027-12-31", 2), ("2026-07-02", 3)]
    page = await versions(lots, asset="points", page_size=1)
    assert [item.version for item in page.programmes] == [1]
    rest = await versions(lots, asset="points", page_size=1, page_token=page.next_page_token)
    assert ([item.version for item in rest.programmes], rest.next_page_token) == ([2], "")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("programme.time_zone", {"time_zone": "Moon/Sea"}),
        ("programme.time_zone", {"time_zone": "localtime"}),
        ("programme.expiry_count", {"expiry": "EXPIRY_YEAR_END", "expiry_count": 36_500}),
        ("programme.expiry_count", {"expiry": "EXPIRY_NEVER", "expiry_count": 1}),
        ("programme.balance_max", {"balance_max": -1}),
    ],
)
async def test_rules_that_do_not_fit_together_are_refused_by_field(
    lots: Lots, field: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refusal:
        await lots.programme(**fields)

    assert [violation[0] for violation in refusal.value.violations] == [field]
    assert list((await versions(lots)).programmes) == []


async def test_a_change_cannot_be_in_force_already(lots: Lots) -> None:
    await lots.programme()

    with pytest.raises(Refusal, match="PROGRAMME_INVALID"):
        await change(lots, effective_time=stamp(NOON - timedelta(seconds=1)))


async def test_a_key_bound_to_a_store_has_no_part_in_programmes(lots: Lots) -> None:
    scopes = frozenset({"incentive.ledger:write", "incentive.ledger:read"})

    with acting(Call(Caller("key:till", scopes, store_id=new()))):
        for call in (lots.programme(), change(lots), versions(lots)):
            with pytest.raises(Refusal, match="PERMISSION_DENIED"):
                await call


async def test_what_was_there_before_the_programme_never_expires(lots: Lots) -> None:
    who = new()
    await lots.earn(who, 100)
    await lots.spend(who, 20)
    await lots.place(who, 30)
    await lots.programme(expiry="EXPIRY_DAYS", expiry_count=1)

    await lots.earn(who, 40)
    lots.set(NOON + timedelta(days=10))
    await lots.hold_servicer.expire()
    await lots.unspend(who, 20, lots.spent[0])

    assert await lots.has(who) == {"available": 100}
    assert {lot.last_day for lot in await lots.lots(who) if lot.available} == {""}


async def test_pl_08_nobody_has_more_than_the_programme_allows_and_what_is_given_back_is_never_refused(
    lots: Lots,
) -> None:
    await lots.programme(balance_max=100)
    who = new()
    await lots.earn(who, 60)
    await lots.place(who, 30)
    over = a_transfer("issuer/shop", f"member/{who}/pending", 41)

    (refused,) = await lots.ledger.post(over)
    assert (refused.reason, refused.detail) == ("BALANCE_LIMIT", "only 40 more can be earned")
    await lots.earn(who, 40, matures=NOON + timedelta(days=1))
    await lots.spend(who, 20)
    await lots.earn(who, 20)

    assert await lots.unspend(who, 20) == ""
    assert await lots.has(who) == {"available": 50, "pending": 40, "held": 30}


async def test_pl_08_a_day_and_a_year_have_their_bounds_in_the_programmes_zone(lots: Lots) -> None:
    await lots.programme(daily_earn_max=100, yearly_earn_max=150)
    who = new()

    async def tries(amount: int) -> str:
        (outcome,) = await lots.ledger.post(a_transfer("issuer/shop", f"member/{who}/available", amount))
        return str(outcome.reason)

    assert [await tries(100), await tries(1)] == ["", "BALANCE_LIMIT"]
    lots.set(local("2026-06-01 23:59:59"))
    assert await tries(1) == "BALANCE_LIMIT"
    lots.set(local("2026-06-02 00:00:00"))
    assert [await tries(51), await tries(50)] == ["BALANCE_LIMIT", ""]
    lots.set(local("2026-12-31 23:59:59"))
    assert await tries(1) == "BALANCE_LIMIT"
    lots.set(local("2027-01-01 00:00:00"))
    assert await tries(100) == ""


async def test_pl_08_items_of_one_call_share_the_room(lots: Lots) -> None:
    await lots.programme(daily_earn_max=100)
    account = f"member/{new()}/available"
    items = [a_transfer("issuer/shop", account, amount) for amount in (60, 50, 40, 1)]

    outcomes = await lots.ledger.post(*items)

    assert [outcome.reason for outcome in outcomes] == ["", "BALANCE_LIMIT", "", "BALANCE_LIMIT"]


async def test_pl_08_a_reward_above_the_bounds_is_given_as_far_as_they_go_and_can_be_taken_back(lots: Lots) -> None:
    await lots.programme(balance_max=100)
    who, other, now = new(), new(), lots.clock.now()
    await lots.earn(who, 70)
    db = lots.ledger.db

    claims = [
        a_claim(who, 50, now),
        a_claim(who, 10, now, transfer_id="none"),
        a_claim(other, 100, now, transfer_id="o"),
    ]
    await db.transact(lambda tx: operations.earn(tx, "test", claims))
    assert (await lots.has(who), await lots.has(other)) == ({"available": 100}, {"available": 100})
    assert await lots.ledger.balance("sys/writeoff") == 30

    told = []
    for number, (amount, reverses) in enumerate(((15, "grant"), (35, "grant"), (10, "none"))):
        back = a_claim(who, amount, now, transfer_id=f"back-{number}", reverses=reverses)
        lines = (await db.transact(lambda tx, back=back: operations.take_back(tx, "test", [back])))[0]
        told.append({line.source: line.amount for line in lines})

    assert told == [{"ungiven": 15}, {"ungiven": 5, "earning": 30}, {"ungiven": 10}]
    assert await lots.has(who) == {"available": 70}
    assert await lots.ledger.balance("sys/writeoff") == 0


async def test_pl_09_what_expires_soon_is_told_by_day_without_what_is_held_or_over(lots: Lots) -> None:
    await lots.programme()
    who = new()
    for amount, day in (
        (10, "2026-06-01"),
        (20, "2026-07-15"),
        (30, "2026-07-15"),
        (40, "2026-08-01"),
        (5, "2027-01-01"),
    ):
        await lots.earn(who, amount, day)
    await lots.place(who, 15)
    assert await lots.expiring(who) == [("2026-07-15", 45), ("2026-08-01", 40)]
    assert await lots.expiring(who, within_days=50) == [("2026-07-15", 45)]

    lots.set(local("2026-07-16 00:00:00"))

    assert await lots.expiring(who) == [("2026-08-01", 40)]


async def test_pl_09_a_shopper_sees_the_own_days_and_nobody_elses(lots: Lots) -> None:
    await lots.programme()
    who = new()
    await lots.earn(who, 10, "2026-07-15")

    with acting(Call(Caller(f"shopper:{who}", frozenset(), profile_id=who))):
        assert await lots.expiring(who) == [("2026-07-15", 10)]
        with pytest.raises(Refusal, match="PERMISSION_DENIED"):
            await lots.expiring(new())
