"""What people got, and how much of it returns take back."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.incentive.budgets.domain import Scope
from services.incentive.campaigns.domain.effects import Effect, Gift
from services.incentive.campaigns.domain.limits import Action
from services.incentive.campaigns.domain.terms import Terms


class PaidOrder(NamedTuple):
    """Who paid an order, how much, and when."""

    order_id: UUID
    profile_id: str
    net_minor: int
    pay_time: datetime


class Refund(NamedTuple):
    """How much of an order has been refunded in all, by which refund it came to that, and what is left to be asked."""

    order_id: UUID
    refund_id: UUID
    refunded_minor: int
    time: datetime
    facts: Mapping[str, Any] | None = None


class Use(NamedTuple):
    """What a grant counts towards a limit: of the places of a fact each is counted by one of its grants, and the
    others that rest on it count nothing."""

    key: UUID
    amount: int
    action: Action


@dataclass(frozen=True, slots=True)
class Grant:
    """A reward that a person got. `order_net_minor` is what refunds are measured against; None without an order.

    `actor_id` is who did what it is for, where that is somebody else. A coupon, which is called as its grant is, or a
    tag is an amount of one. `desired_amount` is what was promised, and `ungiven_amount` what of `amount` the bounds of
    the asset's programme kept from the person: reversals take it first. `cost` is what it took of the budget and its
    parts for the `scope`, at `charge_time` by the budget's clock, from the lease `lease_id` if one paid. What awaits
    the delivery of its order is promised, and on no account yet.
    """

    grant_id: UUID
    campaign_id: UUID
    cause: UUID
    profile_id: str
    asset: str
    amount: int
    reversed_amount: int
    order_net_minor: int | None
    grant_time: datetime
    campaign_version: int = 1
    effect: int = 1
    level: int = 0
    desired_amount: int = 0
    cost: int = 0
    uses: tuple[Use, ...] = ()
    scope: Scope = ()
    charge_time: datetime | None = None
    lease_id: UUID | None = None
    coupon_id: UUID | None = None
    tag_id: UUID | None = None
    mission_id: UUID | None = None
    endpoint_id: UUID | None = None
    arm: str = ""
    mature_time: datetime | None = None
    awaits_delivery: bool = False
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    ungiven_amount: int = 0
    return_time: datetime | None = None
    return_reason: str = ""
    actor_id: str = ""

    @property
    def is_reversed(self) -> bool:
        """Whether all of it was taken back."""
        return self.reversed_amount == self.amount

    @property
    def given_amount(self) -> int:
        """What the person got of it."""
        return self.amount - self.ungiven_amount

    @property
    def taken_amount(self) -> int:
        """How much of what the person got was taken back."""
        return max(0, self.reversed_amount - self.ungiven_amount)

    @property
    def standing_cost(self) -> int:
        """How much of its cost was not put back: a cost that is not the amount is put back with the last of it."""
        return self.amount - self.reversed_amount if self.cost == self.amount else 0 if self.is_reversed else self.cost

    @property
    def gift(self) -> Gift:
        """What it is."""
        if self.asset:
            return Gift.ASSET
        if self.mission_id:
            return Gift.MISSION
        if self.endpoint_id:
            return Gift.WEBHOOK
        return Gift.TAG if self.tag_id else Gift.COUPON if self.coupon_id else Gift.PACKET

    def rests_on(self, other: "Grant", key: UUID) -> bool:
        """Whether it is of the same fact as another one, and needs the same place."""
        is_of_fact = (self.campaign_id, self.cause) == (other.campaign_id, other.cause)
        return is_of_fact and any(use.key == key for use in self.uses)

    def with_place(self, place: Use) -> "Grant":
        """The grant that counts a place from now on."""
        return replace(self, uses=tuple(place if use.key == place.key else use for use in self.uses))

    @property
    def packet_id(self) -> UUID | None:
        """The packet, which is called as its grant is."""
        return self.grant_id if self.gift == Gift.PACKET else None


Place = tuple[UUID, UUID, int]
"""How much of a counter, by its campaign and key."""


def hand_on(gone: Iterable[Grant], standing: Iterable[Grant]) -> tuple[list[Grant], list[Place]]:
    """Have the places of grants that are gone go to others of the same facts that rest on them.

    Returns those that stand, in their order, and the places that nobody is left to keep.
    """
    heirs = {grant.grant_id: grant for grant in standing}
    free: list[Place] = []
    for grant in gone:
        for use in grant.uses:
            if use.action != Action.GRANTS or not use.amount:
                continue
            heir = next((each for each in heirs.values() if each.rests_on(grant, use.key)), None)
            if heir is None:
                free.append((grant.campaign_id, use.key, use.amount))
            else:
                heirs[heir.grant_id] = heir.with_place(use)
    return list(heirs.values()), free


def due(terms: Terms, effect: Effect, amount: int, net_minor: int, refund: Refund) -> int:
    """How much of a reward is to be taken back in all; all of it at a full refund.

    In proportion, rounded down; or, where the campaign re-evaluates, what the rest of the basket does not earn (spec
    value §1C, RW-12).
    """
    if refund.refunded_minor >= net_minor:
        return amount
    if not terms.reevaluate_on_return:
        return amount * refund.refunded_minor // net_minor
    rest = net_minor - refund.refunded_minor
    earned = effect.amount(rest) if terms.stands(rest, refund.facts or {}) else 0
    return max(amount - earned, 0)


class Reversal(NamedTuple):
    """A grant after something was taken back, how much that was, when, and the refund or void that asked for it."""

    grant: Grant
    amount: int
    refund_id: UUID
    time: datetime
    reason: str = ""

    @property
    def cost(self) -> int:
        """What the budget gets back: a cost that is not the amount comes back with the last of it.

        What does not stay with a person of a packet the packet gives back.
        """
        grant = self.grant
        if grant.gift == Gift.PACKET:
            return 0
        return self.amount if grant.cost == grant.amount else grant.cost if grant.is_reversed else 0

    @property
    def taken(self) -> int:
        """How much of what the person got this takes back."""
        before = replace(self.grant, reversed_amount=self.grant.reversed_amount - self.amount)
        return self.grant.taken_amount - before.taken_amount

    @property
    def returned_amounts(self) -> list[Place]:
        """What no longer counts towards limits of amounts."""
        return [
            (self.grant.campaign_id, use.key, self.amount) for use in self.grant.uses if use.action == Action.AMOUNT
        ]


TermsOf = Callable[[Grant], Terms]
"""The terms that a grant was judged by."""


def reversals_of(grants: Iterable[Grant], refunds: Mapping[UUID, Refund], terms_of: TermsOf) -> list[Reversal]:
    """What refunds take back beyond what was taken back before."""
    reversals = []
    for grant in grants:
        refund = refunds.get(grant.cause)
        if refund is None or grant.order_net_minor is None:
            continue
        terms = terms_of(grant)
        total = due(terms, terms.effects[grant.effect - 1], grant.amount, grant.order_net_minor, refund)
        if total > grant.reversed_amount:
            after = replace(grant, reversed_amount=total)
            time = max(refund.time, grant.grant_time)
            memo = f"refund {refund.refund_id}"
            reversals.append(Reversal(after, total - grant.reversed_amount, refund.refund_id, time, memo))
    return reversals


def voided(grants: Iterable[Grant], void_id: UUID, now: datetime, reason: str) -> list[Reversal]:
    """All that is left of grants is taken back."""
    return [
        Reversal(
            replace(grant, reversed_amount=grant.amount), grant.amount - grant.reversed_amount, void_id, now, reason
        )
        for grant in grants
        if not grant.is_reversed
    ]


class Comeback(NamedTuple):
    """Why the packet of a grant came back, and when that was known."""

    reason: str
    time: datetime


def returned(grants: Iterable[Grant], comebacks: Mapping[UUID, Comeback]) -> list[Reversal]:
    """What was left of grants whose packets came back. One that was taken back before stays taken back."""
    return [
        Reversal(
            replace(grant, reversed_amount=grant.amount, return_time=back.time, return_reason=back.reason),
            grant.amount - grant.reversed_amount,
            grant.grant_id,
            back.time,
            back.reason,
        )
        for grant in grants
        if (back := comebacks.get(grant.grant_id)) is not None and not grant.is_reversed
    ]


def falling_with(reversals: Iterable[Reversal], terms_of: TermsOf) -> dict[tuple[UUID, UUID], Reversal]:
    """By campaign and cause, the reversals that take the last of a grant and with it the other sides of the fact."""
    return {
        (item.grant.campaign_id, item.grant.cause): item
        for item in reversals
        if item.grant.is_reversed and terms_of(item.grant).void_together
    }


def highest(refunds: Iterable[Refund]) -> list[Refund]:
    """Of several refunds of one order the one with the highest total, in key order."""
    best: dict[UUID, Refund] = {}
    for refund in refunds:
        known = best.get(refund.order_id)
        if known is None or refund.refunded_minor > known.refunded_minor:
            best[refund.order_id] = refund
    return [best[order_id] for order_id in sorted(best)]
