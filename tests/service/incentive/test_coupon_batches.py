"""Codes by the million over gRPC: CP-07 of spec value §1B."""

import asyncio

import pytest
from bowen.incentive.v1 import coupon_batch_service_pb2 as pb

from chassis.caller import Call, Caller, acting
from services.incentive.coupons.domain import code_from_text
from services.incentive.coupons.servicer import CouponBatchServicer
from tests.service.incentive.couponing import Till, reason_of
from tests.service.incentive.rewarding import Incentive, new
from tests.service.incentive.test_coupons import outcomes_of
from tests.waiting import eventually

RUNNING, DONE, CANCELLED = pb.CouponBatch.STATE_RUNNING, pb.CouponBatch.STATE_DONE, pb.CouponBatch.STATE_CANCELLED


async def a_batch(incentive: Incentive, template_id: str, count: int, request_id: str = "") -> pb.CouponBatch:
    request = pb.CreateCouponBatchRequest(request_id=request_id or new(), template_id=template_id, code_count=count)
    return (await incentive.batches.CreateCouponBatch(request)).coupon_batch  # type: ignore[misc,no-any-return]


async def read(incentive: Incentive, batch_id: str) -> pb.CouponBatch:
    request = pb.GetCouponBatchRequest(batch_id=batch_id)
    return (await incentive.batches.GetCouponBatch(request)).coupon_batch  # type: ignore[misc,no-any-return]


async def cancel(incentive: Incentive, batch_id: str) -> pb.CouponBatch:
    request = pb.CancelCouponBatchRequest(request_id=new(), batch_id=batch_id)
    return (await incentive.batches.CancelCouponBatch(request)).coupon_batch  # type: ignore[misc,no-any-return]


async def codes_of(incentive: Incentive, batch_id: str) -> list[str]:
    found, token = [], ""
    while True:
        request = pb.ListCouponBatchCodesRequest(batch_id=batch_id, page_size=200, page_token=token)
        page = await incentive.batches.ListCouponBatchCodes(request)  # type: ignore[misc]
        found += [coupon.code for coupon in page.coupons]
        token = page.next_page_token
        if not token:
            return found


async def count_of(incentive: Incentive, batch_id: str) -> int:
    ((count,),) = await incentive.rows("SELECT count(*) FROM coupon WHERE batch_id = $1", batch_id)
    return int(count)


async def test_cp_07_a_batch_goes_on_where_the_process_that_made_it_ended(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=3_000)
    batch = await a_batch(incentive, template_id, 2_500)
    before = await incentive.template(template_id)

    await incentive.maker.make_some()
    half = await read(incentive, batch.batch_id)
    first = await codes_of(incentive, batch.batch_id)
    other = CouponBatchServicer(incentive.db, incentive.clock)  # the process ended; another has begun
    await other.make()

    assert (before.issued_count, before.in_flight_count) == (0, 2_500)
    assert (half.made_count, half.state) == (1_000, RUNNING)
    done, codes = await read(incentive, batch.batch_id), await codes_of(incentive, batch.batch_id)
    assert (done.made_count, done.state) == (2_500, DONE)
    assert codes[:1_000] == first
    assert len(set(codes)) == 2_500
    assert all(code_from_text(code) == code for code in codes)
    after = await incentive.template(template_id)
    assert (after.issued_count, after.in_flight_count) == (2_500, 0)


async def test_cp_07_a_worker_that_is_stopped_in_the_middle_leaves_whole_portions(
    incentive: Incentive,
) -> None:
    template_id = await incentive.a_template(stock=20_000)
    batch = await a_batch(incentive, template_id, 10_000)
    worker = asyncio.create_task(incentive.maker.make())
    await eventually(lambda: count_of(incentive, batch.batch_id))
    worker.cancel()
    await asyncio.wait([worker])

    half = await read(incentive, batch.batch_id)
    assert half.made_count == await count_of(incentive, batch.batch_id)
    await CouponBatchServicer(incentive.db, incentive.clock).make()
    assert (await read(incentive, batch.batch_id)).made_count == await count_of(incentive, batch.batch_id) == 10_000


async def test_cp_07_workers_at_once_make_each_code_once(
    incentive: Incentive,
) -> None:
    template_id = await incentive.a_template(stock=20_000)
    batches = [await a_batch(incentive, template_id, 3_000) for _ in range(3)]
    workers = [CouponBatchServicer(incentive.db, incentive.clock) for _ in range(3)]

    await asyncio.gather(*(worker.make() for worker in workers))

    assert [(await read(incentive, each.batch_id)).state for each in batches] == [DONE] * 3
    assert [await count_of(incentive, each.batch_id) for each in batches] == [3_000] * 3
    assert (await incentive.template(template_id)).issued_count == 9_000


async def test_a_batch_takes_no_more_than_is_left_and_says_try_again_while_others_may_give_back(
    incentive: Incentive,
) -> None:
    template_id = await incentive.a_template(stock=10)
    batch = await a_batch(incentive, template_id, 9)

    assert await reason_of(a_batch(incentive, template_id, 11)) == "SOLD_OUT"
    assert await reason_of(a_batch(incentive, template_id, 2)) == "STOCK_IN_FLIGHT"
    await incentive.issue(template_id)
    assert await reason_of(incentive.issue(template_id)) == "STOCK_IN_FLIGHT"

    cancelled = await cancel(incentive, batch.batch_id)
    assert (cancelled.state, (await cancel(incentive, batch.batch_id)).state) == (CANCELLED, CANCELLED)
    assert await outcomes_of(*(incentive.issue(template_id) for _ in range(12))) == {"ok": 9, "SOLD_OUT": 3}


async def test_a_batch_that_is_cancelled_in_the_middle_keeps_what_is_made(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=5_000)
    batch = await a_batch(incentive, template_id, 5_000)
    await incentive.maker.make_some()

    await cancel(incentive, batch.batch_id)
    await incentive.maker.make()

    assert len(await codes_of(incentive, batch.batch_id)) == 1_000
    template = await incentive.template(template_id)
    assert (template.issued_count, template.in_flight_count) == (1_000, 0)


async def test_eight_repeats_of_a_request_make_one_batch(incentive: Incentive) -> None:
    template_id = await incentive.a_template(stock=100)

    made = await asyncio.gather(*(a_batch(incentive, template_id, 10, "batch-1") for _ in range(8)))

    assert len({each.batch_id for each in made}) == 1
    assert (await incentive.template(template_id)).in_flight_count == 10


async def a_code(till: Till, **template: object) -> str:
    incentive = till.incentive
    batch = await a_batch(incentive, await incentive.a_template(**template), 1)
    await incentive.maker.make()
    (code,) = await codes_of(incentive, batch.batch_id)
    return code


async def test_a_code_of_a_batch_is_claimed_by_one_of_twenty_at_once(till: Till) -> None:
    code, people = await a_code(till), [new() for _ in range(20)]

    outcomes = await outcomes_of(*(till.claim(code, each) for each in people))

    assert outcomes == {"ok": 1, "COUPON_OF_ANOTHER": 19}
    owners = [each for each in people if await till.incentive.coupons_of(each)]
    assert len(owners) == 1
    assert await reason_of(till.claim(code, owners[0])) == ""


async def test_a_code_of_a_batch_is_used_by_whoever_has_it_and_then_is_used(till: Till) -> None:
    code = await a_code(till)

    await till.redeem(code, order_minor=5_000)

    assert await reason_of(till.claim(code, new())) == "COUPON_REDEEMED"


async def test_claiming_codes_keeps_the_limit_of_a_person(till: Till) -> None:
    incentive, profile_id = till.incentive, new()
    batch = await a_batch(incentive, await incentive.a_template(coupons_per_profile_max=2), 5)
    await incentive.maker.make()
    codes = await codes_of(incentive, batch.batch_id)

    outcomes = await outcomes_of(*(till.claim(code, profile_id) for code in codes))

    assert outcomes == {"ok": 2, "PERSON_LIMIT": 3}


async def test_a_claimed_code_that_is_revoked_gives_its_unit_back_and_no_place_that_it_never_took(till: Till) -> None:
    incentive, profile_id = till.incentive, new()
    template_id = await incentive.a_template(stock=1)
    batch = await a_batch(incentive, template_id, 1)
    await incentive.maker.make()
    (code,) = await codes_of(incentive, batch.batch_id)
    await till.claim(code, profile_id)

    await till.revoke(code, restock=True)

    assert (await incentive.template(template_id)).issued_count == 0
    assert await reason_of(incentive.issue(template_id, profile_id)) == ""


async def test_batches_are_not_a_stores(incentive: Incentive) -> None:
    template_id = await incentive.a_template()
    with acting(Call(Caller("key:store", frozenset({"incentive.coupons:write"}), store_id=new()))):
        assert await reason_of(a_batch(incentive, template_id, 1)) == "PERMISSION_DENIED"
        assert await reason_of(read(incentive, new())) == "PERMISSION_DENIED"
    assert await reason_of(read(incentive, new())) == "COUPON_BATCH_NOT_FOUND"
    assert await reason_of(cancel(incentive, new())) == "COUPON_BATCH_NOT_FOUND"


@pytest.mark.parametrize("count", [0, 10_000_001])
async def test_a_batch_has_between_one_and_ten_million_codes(incentive: Incentive, count: int) -> None:
    assert await reason_of(a_batch(incentive, new(), count)) == "INVALID_ARGUMENT"
