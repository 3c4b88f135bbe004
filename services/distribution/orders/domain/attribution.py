"""Who is credited with a sale: the order of precedence, with the reasons of those who are not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.distribution.partners.domain import Partner
from services.distribution.ripples.domain import Click

LOSERS_MAX = 20

LOWER_STEP = "LOWER_STEP"
EARLIER_CLICK = "EARLIER_CLICK"
SELF_PURCHASE = "SELF_PURCHASE"
PARTNER_INACTIVE = "PARTNER_INACTIVE"
OUTSIDE_WINDOW = "OUTSIDE_WINDOW"


class Step(IntEnum):
    """What decided. The numbers are the contract's."""

    NAMED_SELLER = 1
    LAST_CLICK = 2
    STORE = 3
    HOUSE = 4


@dataclass(frozen=True, slots=True)
class Loser:
    """A candidate that did not win, and why."""

    step: Step
    partner_id: UUID | None
    touch_id: UUID | None
    reason: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who is credited, and why. For the house nobody is; a consumer who shared is credited without a partner.

    `void_reason`: why the credit does not hold after all, empty while it does.
    """

    step: Step
    partner_id: UUID | None = None
    touch_id: UUID | None = None
    token: str = ""
    sharer_profile_id: UUID | None = None
    losers: tuple[Loser, ...] = ()
    void_reason: str = ""


class Sale(NamedTuple):
    """What is looked at when a sale is credited. `profile_id`: the buyer after merges; clicks: newest first."""

    profile_id: UUID
    pay_time: datetime
    skus: frozenset[str]
    seller_id: UUID | None
    store_id: UUID | None
    clicks: Sequence[Click]


@dataclass(frozen=True, slots=True)
class _Candidate:
    step: Step
    is_product: bool
    fault: str
    partner_id: UUID | None
    touch_id: UUID | None = None
    token: str = ""
    sharer_profile_id: UUID | None = None


def decide(sale: Sale, partners: Mapping[UUID, Partner], *, window: timedelta) -> Attribution:
    """The first valid candidate wins: seller named at the till, last click of a product that was bought, last click,
    selling store; else the house. A click at T is valid for payments in [T, T + window)."""
    candidates = [*_named(sale, partners), *_clicked(sale, partners, window), *_selling_store(sale, partners)]
    winner = next((candidate for candidate in candidates if not candidate.fault), None)
    losers = tuple(_loser(candidate, winner) for candidate in candidates if candidate is not winner)[:LOSERS_MAX]
    if winner is None:
        return Attribution(Step.HOUSE, losers=losers)
    return Attribution(winner.step, winner.partner_id, winner.touch_id, winner.token, winner.sharer_profile_id, losers)


def _named(sale: Sale, partners: Mapping[UUID, Partner]) -> Iterator[_Candidate]:
    if sale.seller_id is not None:
        yield _Candidate(Step.NAMED_SELLER, False, _fault(partners.get(sale.seller_id), sale), sale.seller_id)


def _selling_store(sale: Sale, partners: Mapping[UUID, Partner]) -> Iterator[_Candidate]:
    if sale.store_id is not None:
        yield _Candidate(Step.STORE, False, _fault(partners.get(sale.store_id), sale), sale.store_id)


def _clicked(sale: Sale, partners: Mapping[UUID, Partner], window: timedelta) -> list[_Candidate]:
    found = [_click(click, sale, partners, window) for click in sale.clicks]
    return sorted(found, key=lambda candidate: not candidate.is_product)  # stable: newest first within both


def _click(click: Click, sale: Sale, partners: Mapping[UUID, Partner], window: timedelta) -> _Candidate:
    if sale.pay_time - click.touch_time >= window:
        fault = OUTSIDE_WINDOW
    elif click.sharer_partner_id is not None:
        fault = _fault(partners.get(click.sharer_partner_id), sale)
    else:
        fault = SELF_PURCHASE if click.sharer_profile_id == sale.profile_id else ""
    return _Candidate(
        Step.LAST_CLICK, click.content_id in sale.skus, fault, click.sharer_partner_id, click.touch_id, click.token,
        click.sharer_profile_id,
    )  # fmt: skip


def _fault(partner: Partner | None, sale: Sale) -> str:
    if partner is None or not partner.is_active_at(sale.pay_time):
        return PARTNER_INACTIVE
    return SELF_PURCHASE if partner.profile_id == sale.profile_id else ""


def _loser(candidate: _Candidate, winner: _Candidate | None) -> Loser:
    reason = candidate.fault
    if not reason:
        same = winner is not None and (candidate.step, candidate.is_product) == (winner.step, winner.is_product)
        reason = EARLIER_CLICK if same else LOWER_STEP
    return Loser(candidate.step, candidate.partner_id, candidate.touch_id, reason)
