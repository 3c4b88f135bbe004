"""What budgets are told for their boards: what is held, and whose first purchase came of a reward. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain.tallies import Note, NotedWants, Tallied
from services.incentive.campaigns.domain.returns import Grant, Reversal
from services.incentive.subjects.domain import Person

FIRST = Tallied(first_purchases=1)
FIRST_NO_MORE = Tallied(first_purchases=-1)


class FirstPurchase(NamedTuple):
    """The first purchase of a person that is kept, and the budgets that had rewarded them."""

    profile_id: str
    order_id: UUID
    note_time: datetime
    wants: NotedWants

    def note(self, added: Tallied) -> Note:
        """What its budgets are told."""
        return Note(self.wants, self.note_time, added)


def held(grants: Iterable[Grant], budget_ids: Mapping[UUID, UUID]) -> list[Note]:
    """What was promised and waits for a delivery."""
    return [_note(grant, budget_ids, Tallied(1, grant.standing_cost)) for grant in grants if _counts(grant)]


def freed(grants: Iterable[Grant], budget_ids: Mapping[UUID, UUID]) -> list[Note]:
    """What waited is its person's now."""
    standing = [grant for grant in grants if _counts(grant) and not grant.is_reversed]
    return [_note(grant, budget_ids, Tallied(-1, -grant.standing_cost)) for grant in standing]


def fallen(reversals: Iterable[Reversal], budget_ids: Mapping[UUID, UUID]) -> list[Note]:
    """What waited was taken back."""
    return [
        _note(item.grant, budget_ids, Tallied(-1 if item.grant.is_reversed else 0, -item.cost))
        for item in reversals
        if _counts(item.grant)
    ]


def _counts(grant: Grant) -> bool:
    return grant.awaits_delivery and grant.cost > 0


def _note(grant: Grant, budget_ids: Mapping[UUID, UUID], added: Tallied) -> Note:
    time = grant.charge_time or grant.grant_time
    return Note(((budget_ids[grant.campaign_id], grant.scope),), time, added)


def firsts(
    orders: Sequence[tuple[UUID, str]], people: Mapping[str, Person], kept: Mapping[str, Collection[UUID]]
) -> dict[UUID, Person]:
    """Those of orders that are their buyer's first of all that are kept; of several at once the one told first."""
    batch, seen, found = {order_id for order_id, _ in orders}, set[str](), dict[UUID, Person]()
    for order_id, profile_id in orders:
        person = people[profile_id]
        known = {each for one in person.ids for each in kept.get(one, ())}
        if order_id in known and not known - batch and person.profile_id not in seen:
            seen.add(person.profile_id)
            found[order_id] = person
    return found
