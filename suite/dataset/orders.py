"""Cut the stream of till lines into days, and a day into orders."""

from collections.abc import Iterator

import numpy as np

from suite.dataset import calendar, source
from suite.dataset.amounts import Amounts, parts, reckon
from suite.dataset.names import member_no, store_id
from suite.dataset.source import Ints
from suite.dataset.values import Line, Oddities, Order

TIME = "transaction_timestamp"

Shelf = dict[int, tuple[str, str]]
"""Category and department of each product."""

RawLine = tuple[int, int, int, int, int, int]
"""Product, quantity, price before discounts, discount, coupon part of it, measure."""


def columns_by_day(start: int, stop: int) -> Iterator[tuple[int, dict[str, Ints]]]:
    """Cut the stream of lines, which is in order of time, at the ends of business days `[start, stop)`."""
    number, held = start, dict[str, Ints]()
    for batch in source.transaction_batches():
        fresh = _since(batch, calendar.seconds_of(start))
        held = {name: np.concatenate([held[name], fresh[name]]) for name in fresh} if held else fresh
        while number < stop and (held[TIME][-1:] >= calendar.seconds_of(number + 1)).any():
            end = calendar.seconds_of(number + 1)
            yield number, {name: column[: np.searchsorted(held[TIME], end)] for name, column in held.items()}
            held, number = _since(held, end), number + 1
        if number >= stop:
            return
    if held:
        yield number, held  # the last day of all, which no later line closes


def _since(columns: dict[str, Ints], seconds: int) -> dict[str, Ints]:
    first = np.searchsorted(columns[TIME], seconds)
    return {name: column[first:] for name, column in columns.items()}


def orders_of(columns: dict[str, Ints], shelf: Shelf) -> tuple[tuple[Order, ...], Oddities]:
    """Group one day's rows into orders, by time and then by id, and count what was odd."""
    amounts = reckon(columns)
    orders = sorted(_grouped(columns, amounts, shelf), key=lambda order: (order.ordered_at, order.order_id))
    baskets = int(np.count_nonzero(np.diff(columns["basket_id"], prepend=-1)))
    oddities = Oddities(
        orders_dropped_empty=baskets - len(orders),
        orders_free=sum(order.net_minor == 0 for order in orders),
    )
    return tuple(orders), amounts.oddities + oddities


def _grouped(columns: dict[str, Ints], amounts: Amounts, shelf: Shelf) -> Iterator[Order]:
    baskets = columns["basket_id"][amounts.keep]
    starts = np.flatnonzero(np.diff(baskets, prepend=-1))
    bounds = [*starts.tolist(), len(baskets)]
    heads = (columns[name][amounts.keep][starts].tolist() for name in ("basket_id", "household_id", "store_id", TIME))
    rows = _raw_lines(columns["product_id"][amounts.keep], amounts)
    for place, (basket, household, shop, seconds) in enumerate(zip(*heads, strict=True)):
        yield Order(
            f"CJ-{basket}",
            member_no(household),
            store_id(shop),
            calendar.from_seconds(seconds),
            _lines(rows[bounds[place] : bounds[place + 1]], shelf),
        )


def _raw_lines(products: Ints, amounts: Amounts) -> list[RawLine]:
    columns = (products, amounts.quantity, amounts.list_minor, amounts.discount_minor, amounts.coupon_minor)
    return list(zip(*(column.tolist() for column in columns), amounts.measure.tolist(), strict=True))


def _lines(rows: list[RawLine], shelf: Shelf) -> tuple[Line, ...]:
    lines: list[Line] = []
    for product, quantity, list_minor, discount_minor, coupon_minor, measure in rows:
        category, department = shelf.get(product, ("", ""))
        for part in parts(quantity, list_minor, discount_minor, coupon_minor):
            lines.append(
                Line(
                    len(lines) + 1,
                    str(product),
                    category,
                    department,
                    part.quantity,
                    part.unit_price_minor,
                    part.discount_minor,
                    part.coupon_minor,
                    measure,
                )
            )
    return tuple(lines)
