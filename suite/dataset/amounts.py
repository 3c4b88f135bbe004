"""From what the till recorded to whole cents that add up.

The data gives, per line, `sales_value` (what the retailer receives, the maker's coupon included) and three discounts.
So the price on the shelf is `sales_value + retail_disc + coupon_match_disc`, and the household paid
`sales_value − coupon_disc`.
"""

from dataclasses import dataclass

import numpy as np

from suite.dataset.source import Ints
from suite.dataset.values import Oddities

MEASURE_MIN = 101
"""From this quantity on a line is sold by measure: all such rows of the data are fuel or the like, none a count."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Columns of the kept rows. `keep` says which rows of the input those are."""

    keep: Ints
    quantity: Ints
    measure: Ints
    list_minor: Ints
    discount_minor: Ints
    coupon_minor: Ints
    oddities: Oddities


def reckon(columns: dict[str, Ints]) -> Amounts:
    """Turn raw rows into lines: drop what is empty, cap coupons, make quantities counts."""
    sales, coupon = columns["sales_value"], columns["coupon_disc"]
    loyalty, match = columns["retail_disc"], columns["coupon_match_disc"]
    listed = sales + loyalty + match
    raw = columns["quantity"]
    dropped = (raw <= 0) & (listed == 0)
    capped = np.minimum(coupon, sales)
    keep = np.flatnonzero(~dropped)
    quantity = np.where((raw <= 0) | (raw >= MEASURE_MIN), 1, raw)
    oddities = Oddities(
        lines_dropped_empty=_count(dropped & (coupon == 0)),
        lines_dropped_coupon_only=_count(dropped & (coupon > 0)),
        lines_quantity_made_one=_count((raw <= 0) & ~dropped),
        lines_by_measure=_count(raw >= MEASURE_MIN),
        lines_split_for_price=_count((listed % quantity != 0) & ~dropped),
        lines_free=_count((listed == 0) & ~dropped),
        lines_coupon_capped=_count((capped < coupon) & ~dropped),
        coupon_capped_minor=int((coupon - capped)[keep].sum()),
    )
    return Amounts(
        keep=keep,
        quantity=quantity[keep],
        measure=np.where(raw >= MEASURE_MIN, raw, 0)[keep],
        list_minor=listed[keep],
        discount_minor=(loyalty + match + capped)[keep],
        coupon_minor=(match + capped)[keep],
        oddities=oddities,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line whose price is the same for each of its goods."""

    quantity: int
    unit_price_minor: int
    discount_minor: int
    coupon_minor: int


def parts(quantity: int, list_minor: int, discount_minor: int, coupon_minor: int) -> tuple[Part, ...]:
    """Give every good a whole price: one part, or two a cent apart when the price does not divide (3 for $1).

    The parts' quantities, prices, discounts and coupons sum to the whole; no part's discount exceeds its price.
    """
    price, dearer = divmod(list_minor, quantity)
    if not dearer:
        return (Part(quantity, price, discount_minor, coupon_minor),)
    cheaper = quantity - dearer
    discount = discount_minor * cheaper * price // list_minor
    coupon = coupon_minor * cheaper * price // list_minor
    return (
        Part(cheaper, price, discount, coupon),
        Part(dearer, price + 1, discount_minor - discount, coupon_minor - coupon),
    )


def _count(mask: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> int:
    return int(np.count_nonzero(mask))
