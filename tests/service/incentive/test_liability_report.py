"""PL-12: what is owed for points, from the lots that members have of them."""

from collections.abc import AsyncIterator, Callable

import pytest
from bowen.incentive.v1 import audit_service_pb2 as pb

from chassis.clock import FixedClock
from chassis.ids import new_id
from tests.service.incentive.auditing import Audits, audits_of
from tests.service.incentive.lotting import Lots, a_lots, local, new


@pytest.fixture
async def lots(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Lots]:
    """Points of which a thousand are worth 900 minor units, from 15 April 2027 on."""
    async with a_lots(fresh_database("incentive"), clock) as lots:
        lots.set(local("2027-04-15 12:00:00"))
        await lots.programme(fair_value_minor_per_thousand=900)
        yield lots
        await lots.check()


@pytest.fixture
async def audits(lots: Lots) -> AsyncIterator[Audits]:
    async with audits_of(lots.ledger, lots.clock) as audits:
        yield audits


async def report(audits: Audits, month: str) -> pb.GetLiabilityReportResponse:
    return await audits.stub.GetLiabilityReport(  # type: ignore[misc,no-any-return]
        pb.GetLiabilityReportRequest(asset="points", month=month)
    )


async def estimate(audits: Audits, month: str, effective_month: str, expected: int) -> None:
    request = pb.EstimateRedemptionRequest(
        request_id=str(new_id()), asset="points", month=month, effective_month=effective_month, expected=expected
    )
    await audits.stub.EstimateRedemption(request)  # type: ignore[misc]


async def cohorts(audits: Audits, month: str) -> list[tuple[str, int, int, int, int, int, int]]:
    return [
        (line.month, line.issued, line.expected, line.redeemed, line.allocated_minor, line.recognised_minor,
         line.recognised_in_month_minor)
        for line in (await report(audits, month)).cohorts
    ]  # fmt: skip


async def test_pl_12_the_handbook_example_from_lots(lots: Lots, audits: Audits) -> None:
    who = new()
    await lots.earn(who, 10_000)
    await estimate(audits, "2027-04", "2027-04", 9_700)
    await lots.spend(who, 4_500)
    lots.set(local("2027-05-01 00:00:00"))
    await lots.spend(who, 4_000)
    await estimate(audits, "2027-04", "2027-05", 9_900)

    first, second = await report(audits, "2027-04"), await report(audits, "2027-05")

    assert await cohorts(audits, "2027-04") == [("2027-04", 10_000, 9_700, 4_500, 9_000, 4_175, 4_175)]
    assert first.cohorts[0].recognised_exact == "405000/97"
    assert await cohorts(audits, "2027-05") == [("2027-04", 10_000, 9_900, 8_500, 9_000, 7_727, 3_552)]
    journal = [(line.month, line.deferred_minor, line.recognised_minor, line.balance_minor) for line in second.journal]
    assert journal == [("2027-04", 9_000, 4_175, 4_825), ("2027-05", 0, 3_552, 1_273)]


async def test_pl_12_points_that_are_given_back_taken_back_or_merged_are_counted_once(
    lots: Lots, audits: Audits
) -> None:
    who, other = new(), new()
    earning = await lots.earn(who, 1_000)
    await lots.earn(other, 1_000)
    await lots.spend(who, 300)
    await lots.unspend(who, 100)
    await lots.reverse(earning, 400)
    await lots.merged(who, other)
    await lots.spend(other, 1_000)

    assert await cohorts(audits, "2027-04") == [("2027-04", 1_600, 1_600, 1_200, 1_440, 1_080, 1_080)]


async def test_an_asset_without_a_programme_has_no_report(audits: Audits) -> None:
    request = pb.GetLiabilityReportRequest(asset="cash", month="2027-04")

    response = await audits.stub.GetLiabilityReport(request)  # type: ignore[misc]

    assert (list(response.cohorts), list(response.journal)) == ([], [])
