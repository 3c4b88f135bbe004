"""All that a batch of claims is judged by, and the verdicts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.incentive.audiences.domain import Hearsay
from services.incentive.budgets.domain import Purse, Want
from services.incentive.campaigns.domain import limits
from services.incentive.campaigns.domain.effects import Beneficiary, Effect
from services.incentive.campaigns.domain.invitations import Registration
from services.incentive.campaigns.domain.limits import Counters
from services.incentive.campaigns.domain.occasions import Claim, Miss, Reason
from services.incentive.campaigns.domain.returns import Grant, Refund, hand_on
from services.incentive.campaigns.domain.terms import TouchChoice
from services.incentive.subjects.domain import Person

WHOLE = 0
"""The effect of a refusal that is the campaign's as a whole."""


class Denial(NamedTuple):
    """A claim, or one effect of it, that was refused, for those who have to explain it."""

    claim: Claim
    profile_id: str
    miss: Miss
    effect: int = WHOLE
    amount: int = 0

    @property
    def reason(self) -> Reason:
        """Why."""
        return self.miss.reason


class Refusal(NamedTuple):
    """A denial that was written down."""

    campaign_id: UUID
    cause: UUID
    profile_id: str
    effect: int
    campaign_version: int
    amount: int
    reason: str
    detail: str
    refuse_time: datetime


RefusalKey = tuple[datetime, UUID, UUID, int]
"""Where a page of refusals begins: time, cause, campaign and effect of the last of the page before."""


class Exposure(NamedTuple):
    """Somebody was judged in an experiment."""

    campaign_id: UUID
    profile_id: str
    arm: str
    time: datetime


@dataclass(slots=True)
class Docket:
    """All that a batch of claims is judged by, and the verdicts."""

    judged: set[tuple[UUID, UUID]]
    people: Mapping[str, Person]
    counters: Counters
    refunds: Mapping[UUID, Refund]
    purse: Purse
    hearsay: Hearsay = field(default_factory=Hearsay)
    barred: frozenset[str] = frozenset()
    purchases: Mapping[UUID, int] = field(default_factory=dict)
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    inviters: Mapping[tuple[TouchChoice, str], Sequence[str]] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    won: set[tuple[str, UUID]] = field(default_factory=set)
    explains: bool = False
    owing: Collection[tuple[str, str]] = ()
    """Who owes cash of which currency, or will once they open what is wanted back."""

    def tells(self, claim: Claim) -> bool:
        """Whether it is told that a fact does not fit: of orders it is, of events only to those who ask."""
        return self.explains or claim.occasion.kind.has_net

    def withdraw(self, grants: Mapping[UUID, str], claims: Iterable[Claim]) -> None:
        """Refuse what was granted after all: who issues it would not. `grants` tells the reasons, by grant."""
        by_key = {claim.key: claim for claim in claims}
        refused = [each for each in self.grants if each.grant_id in grants]
        for grant in refused:
            claim = by_key[grant.campaign_id, grant.cause]
            if grant.cost:
                self.purse.release(Want(claim.campaign.budget_id, grant.cost, grant.scope))
            miss = Miss(Reason.COUPON_REFUSED, grants[grant.grant_id])
            self.denials.append(Denial(claim, grant.profile_id, miss, grant.effect, grant.desired_amount))
        self.grants, free = hand_on(refused, [each for each in self.grants if each.grant_id not in grants])
        for campaign_id, key, places in free:
            limits.count(self.counters, campaign_id, [(key, -places)])

    def person(self, claim: Claim) -> Person:
        """Who acted."""
        return self.people[claim.occasion.profile_id]

    def beneficiary(self, effect: Effect, claim: Claim) -> Person | None:
        """Who gets an effect; None when there is nobody, or nobody any more."""
        person = self._named(effect, claim)
        return None if person is None or self.is_barred(person) else person

    def is_barred(self, person: Person) -> bool:
        """Whether they were erased or are only stored: nothing is given to them, and nothing written down."""
        return not self.barred.isdisjoint(person.ids)

    def owes(self, person: Person, currency_code: str) -> bool:
        """Whether they owe cash: who got it and returned what it was for gets no more, for nothing pays it back."""
        return any((each, currency_code) in self.owing for each in person.ids)

    def _named(self, effect: Effect, claim: Claim) -> Person | None:
        if effect.beneficiary == Beneficiary.ACTOR:
            return self.person(claim)
        if effect.beneficiary == Beneficiary.SHARER:
            return self.people.get(claim.occasion.sharer_id)
        above = self.inviters.get((claim.campaign.terms.inviter_touch, self.person(claim).profile_id), ())
        return self.people[above[effect.beneficiary.level - 1]] if len(above) >= effect.beneficiary.level else None
