"""Coupon redemptions: the data dates them, we say on which order they most likely happened."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date

from suite.dataset import calendar, source
from suite.dataset.names import campaign_id, coupon_id, member_no
from suite.dataset.values import Order, Redemption


@dataclass(frozen=True, slots=True)
class DatedRedemption:
    """A redemption as the data has it."""

    household_id: int
    coupon_id: str
    campaign_id: str
    ordinal: int


def dated_redemptions() -> dict[date, tuple[DatedRedemption, ...]]:
    """Read all redemptions, by day; the same one twice on a day gets another ordinal."""
    rows = source.table("coupon_redemptions", ("redemption_date", "household_id", "campaign_id", "coupon_upc"))
    by_day: dict[date, list[DatedRedemption]] = defaultdict(list)
    times: Counter[tuple[int, ...]] = Counter()
    for row in sorted(zip(*(column.tolist() for column in rows.values()), strict=True)):
        times[row] += 1
        seconds, household, campaign, upc = row
        by_day[calendar.date_of(seconds)].append(
            DatedRedemption(household, coupon_id(campaign, upc), campaign_id(campaign), times[row])
        )
    return {day: tuple(redemptions) for day, redemptions in by_day.items()}


def redeemed(day: date, dated: tuple[DatedRedemption, ...], orders: tuple[Order, ...]) -> tuple[Redemption, ...]:
    """Put each redemption on the household's first order of the day that used a coupon, else on its first order."""
    by_member: dict[str, list[Order]] = defaultdict(list)
    for each in orders:
        by_member[each.member_no].append(each)
    redemptions = []
    for redemption in dated:
        holder = member_no(redemption.household_id)
        order = _couponed(by_member.get(holder, []))
        redemptions.append(
            Redemption(
                f"CJ-X-{day:%Y%m%d}-{redemption.household_id}-{redemption.coupon_id[3:]}-{redemption.ordinal}",
                holder,
                redemption.coupon_id,
                redemption.campaign_id,
                order.order_id if order else None,
                order.ordered_at if order else calendar.noon_of(day),
            )
        )
    return tuple(sorted(redemptions, key=lambda redemption: (redemption.redeemed_at, redemption.redemption_id)))


def _couponed(orders: list[Order]) -> Order | None:
    used = (order for order in orders if any(line.coupon_minor for line in order.lines))
    return next(used, orders[0] if orders else None)
