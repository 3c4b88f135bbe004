"""Which coupons apply to a cart, and what each takes off of which line (spec value §2.2, CP-06, CP-08, CP-11).

Groups decide one after another, in the order of position and name, each on what the groups before left of the lines.
Ties are broken by higher benefit to the member, then earlier expiry, then lower id. A minimum is met by the eligible
lines before any coupon. The same cart and candidates always give the same plan, in whatever order they come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chassis.errors import Refusal
from services.incentive.coupons.domain.coupons import Coupon
from services.incentive.coupons.domain.templates import Template
from services.incentive.coupons.errors import (
    CouponNotStackable,
    CurrencyDiffers,
    NoEligibleLines,
    NothingToDiscount,
    OrderBelowMinimum,
    StoreNotEligible,
)

Allocation = Mapping[int, int]
"""Minor units by line number."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a cart, before coupons."""

    line_no: int
    product_id: str
    category: str
    quantity: int
    unit_price_minor: int

    @property
    def gross_minor(self) -> int:
        """Price of all pieces."""
        return self.quantity * self.unit_price_minor


@dataclass(frozen=True, slots=True)
class Cart:
    """What is to be bought. `profile_id` has merges followed and is empty for a guest; `store_id` for the mall."""

    currency_code: str
    lines: tuple[Line, ...]
    profile_id: str = ""
    store_id: str = ""

    @property
    def gross_minor(self) -> int:
        """Sum of the lines before coupons."""
        return sum(line.gross_minor for line in self.lines)


class Mode(StrEnum):
    """How a group decides which of its coupons apply."""

    STACKABLE = "stackable"
    LIST_ORDER = "list_order"
    BEST_FOR_MEMBER = "best_for_member"
    LOWEST_DISCOUNT = "lowest_discount"


@dataclass(frozen=True, slots=True)
class Group:
    """A group. One that nobody has set is stackable."""

    name: str
    mode: Mode = Mode.STACKABLE
    position: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coupon that may apply."""

    template: Template
    coupon: Coupon
    group: Group

    def key(self, now: datetime) -> tuple[datetime, str]:
        """Breaks ties between equal benefits."""
        return self.coupon.end(self.template), str(self.coupon.coupon_id)


@dataclass(frozen=True, slots=True)
class Applied:
    """A coupon that applies, and what it takes off of each line."""

    candidate: Candidate
    allocation: Allocation

    @property
    def discount_minor(self) -> int:
        """Taken off in all."""
        return sum(self.allocation.values())


@dataclass(slots=True)
class Plan:
    """What applies, in order, and why each of the others does not."""

    applied: list[Applied] = field(default_factory=list)
    rejected: list[tuple[Candidate, Refusal]] = field(default_factory=list)

    @property
    def discount_minor(self) -> int:
        """Taken off in all."""
        return sum(each.discount_minor for each in self.applied)


def allocate(total: int, weights: Allocation) -> dict[int, int]:
    """Split a total over lines in proportion to their weights, exactly: by largest remainder, ties to the lower line.

    The sum of the weights is at least 1. No line gets more than its weight if the total is at most their sum.
    """
    whole = sum(weights.values())
    shares = {line: total * weight // whole for line, weight in weights.items()}
    left = total - sum(shares.values())
    by_remainder = sorted(weights, key=lambda line: (-(total * weights[line] % whole), line))
    for line in by_remainder[:left]:
        shares[line] += 1
    return {line: share for line, share in shares.items() if share}


def evaluate(cart: Cart, candidates: Iterable[Candidate], now: datetime, *, present: Sequence[Applied] = ()) -> Plan:
    """Decide which candidates apply beside those that are present already."""
    desk = _Desk(cart, present, now)
    groups: dict[tuple[int, str], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault((candidate.group.position, candidate.group.name), []).append(candidate)
    for key in sorted(groups):
        desk.decide(groups[key])
    return desk.plan


class _Desk:
    """What is left of the lines while groups are decided."""

    def __init__(self, cart: Cart, present: Sequence[Applied], now: datetime) -> None:
        self.plan = Plan()
        self._cart, self._now, self._standing = cart, now, list(present)
        self._left = {line.line_no: line.gross_minor for line in cart.lines}
        for applied in present:
            self._take(applied.allocation)

    def decide(self, candidates: Sequence[Candidate]) -> None:
        """Apply what the group's mode lets apply."""
        waiting = [each for each in candidates if self._is_fit(each)]
        while waiting:
            ranked = sorted(waiting, key=self._rank)
            chosen, waiting = ranked[0], ranked[1:]
            self._apply(chosen)

    def _rank(self, candidate: Candidate) -> tuple[int, int, int, datetime, str]:
        """The order in which a group's candidates are tried. Those with nothing to take off come last."""
        benefit = self._benefit(candidate)
        first = candidate.template.terms.priority if candidate.group.mode == Mode.LIST_ORDER else 0
        by_value = benefit if candidate.group.mode == Mode.LOWEST_DISCOUNT else -benefit
        return (benefit == 0, first, by_value, *candidate.key(self._now))

    def _is_fit(self, candidate: Candidate) -> bool:
        """Whether nothing but other coupons is against it."""
        template, coupon, cart = candidate.template, candidate.coupon, self._cart
        try:
            coupon.check_usable(template, self._now)
            coupon.check_user(template, cart.profile_id)
            self._check_terms(template)
        except Refusal as refusal:
            self.plan.rejected.append((candidate, refusal))
            return False
        return True

    def _check_terms(self, template: Template) -> None:
        cart = self._cart
        if template.currency_code != cart.currency_code:
            raise CurrencyDiffers(template.currency_code)
        check_store(template, cart.store_id)
        eligible = eligible_lines(template, cart.lines)
        if not eligible:
            raise NoEligibleLines
        if sum(line.gross_minor for line in eligible) < template.order_minor_min:
            raise OrderBelowMinimum(template.order_minor_min)

    def _apply(self, candidate: Candidate) -> None:
        against: Refusal | None = against_others(candidate, self._standing)
        if against is None and not self._benefit(candidate):
            against = NothingToDiscount()
        if against is not None:
            self.plan.rejected.append((candidate, against))
            return
        applied = Applied(candidate, allocate(self._benefit(candidate), self._base(candidate)))
        self._take(applied.allocation)
        self._standing.append(applied)
        self.plan.applied.append(applied)

    def _base(self, candidate: Candidate) -> dict[int, int]:
        lines = eligible_lines(candidate.template, self._cart.lines)
        return {line.line_no: self._left[line.line_no] for line in lines}

    def _benefit(self, candidate: Candidate) -> int:
        return discount_of(candidate.template, sum(self._base(candidate).values()))

    def _take(self, allocation: Allocation) -> None:
        for line_no, amount in allocation.items():
            self._left[line_no] -= amount


def against_others(candidate: Candidate, standing: Iterable[Applied]) -> CouponNotStackable | None:
    """Why a coupon cannot join those that apply: its group lets one apply, or it shares an exclusion with one."""
    for applied in standing:
        other = applied.candidate
        is_one_of = other.group.name == candidate.group.name and candidate.group.mode != Mode.STACKABLE
        if is_one_of or other.template.terms.exclusions & candidate.template.terms.exclusions:
            return CouponNotStackable(other.coupon.coupon_id)
    return None


def check_store(template: Template, store_id: str) -> None:
    """Raises `StoreNotEligible` unless coupons of a template are good in a store, or with an empty id in the mall."""
    if template.terms.store_ids and store_id not in template.terms.store_ids:
        raise StoreNotEligible


def eligible_lines(template: Template, lines: Iterable[Line]) -> list[Line]:
    """The lines that coupons of a template are good for."""
    return [line for line in lines if template.is_good_for(line.product_id, line.category)]


def discount_of(template: Template, amount_minor: int) -> int:
    """What a coupon takes off an eligible amount: its value, or its share rounded half up and capped."""
    if not template.terms.percent_bp:
        return min(template.value_minor, amount_minor)
    share = (amount_minor * template.terms.percent_bp + 5_000) // 10_000
    return min(share, template.terms.discount_minor_max or share)


def rejection_order(rejected: tuple[Candidate, Refusal]) -> str:
    """Rejections are told in the order of coupon ids."""
    return str(rejected[0].coupon.coupon_id)
