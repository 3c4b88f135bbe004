"""Who has a seat in a team, and what becomes of it. Pure (spec value §2.5).

Seats are counted by people: profiles that turn out to be one person are one, also when that is found later.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.budgets.domain import Want
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.subjects.domain import Person
from services.incentive.teams.errors import (
    TeamCampaignNotRunning,
    TeamCaptain,
    TeamFull,
    TeamLimit,
    TeamOver,
    TeamSelfHelp,
)

SCOPE = "service:incentive/teams"
"""Whose transfer ids those of teams are."""


class Kind(StrEnum):
    """What a team is for."""

    GROUP_BUY = "group_buy"
    HELP = "help"


class Channel(StrEnum):
    """Where a campaign is shown."""

    UNSPECIFIED = "unspecified"
    WECHAT_H5 = "wechat_h5"
    WECHAT_MINI_PROGRAM = "wechat_mini_program"
    APP = "app"
    WEB = "web"
    STORE = "store"


class State(StrEnum):
    """Where a team stands."""

    OPEN = "open"
    COMPLETED = "completed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class TeamCampaign:
    """What teams are opened for. `size` counts a group with its captain, and a captain's helpers without."""

    team_campaign_id: UUID
    name: str
    kind: Kind
    size: int
    ttl: timedelta
    asset: str
    captain_amount: int
    member_amount: int
    budget_id: UUID | None
    teams_per_profile_max: int
    channel: Channel
    start_time: datetime
    end_time: datetime
    create_time: datetime
    stopped: bool = False

    @property
    def team_cost(self) -> int:
        """What a complete team gets in all."""
        members = self.size - 1 if self.kind == Kind.GROUP_BUY else self.size
        return self.captain_amount + self.member_amount * members


@dataclass(frozen=True, slots=True)
class Team:
    """A team. `charge_time` is when the budget was charged for it, by the budget's clock. Of what a captain who was
    helped got, `captain_ungiven` is above the bounds of the asset's programme; all of it, if they were barred."""

    team_id: UUID
    team_campaign_id: UUID
    captain_id: str
    seats: int
    expire_time: datetime
    create_time: datetime
    state: State = State.OPEN
    taken: int = 0
    close_time: datetime | None = None
    charge_time: datetime | None = None
    captain_ungiven: int = 0


class Member(NamedTuple):
    """Somebody who has or had a seat. `paid_to` is the profile that got `paid_amount` when the team was complete, but
    for the `ungiven_amount` that is above the bounds of the asset's programme."""

    team_id: UUID
    profile_id: str
    order_reference: str
    join_time: datetime
    leave_time: datetime | None = None
    paid_to: str | None = None
    paid_amount: int = 0
    refund_time: datetime | None = None
    ungiven_amount: int = 0


class Reward(NamedTuple):
    """What a complete team got somebody, and what was promised."""

    profile_id: str
    amount: int
    desired_amount: int


class OrderRefund(NamedTuple):
    """An order of which nothing remains. Its number means it only together with its buyer."""

    order_id: str
    order_number: str
    profile_id: str


@dataclass(frozen=True, slots=True)
class Crew:
    """A team with all who have or had a seat, in the order in which they came, and the people whom they are.

    `barred` are those of the people who were erased or are only stored: known when the team is complete.
    """

    campaign: TeamCampaign
    team: Team
    members: Sequence[Member]
    people: Mapping[str, Person]
    barred: Collection[Person] = frozenset()

    def person(self, profile_id: str) -> str:
        """The profile that stands for a person now."""
        return self.people[profile_id].profile_id

    def reward_of(self, profile_id: str) -> int:
        """What is given to a person of a complete team: nothing to who is barred."""
        if self.people[profile_id] in self.barred:
            return 0
        is_captain = self.person(profile_id) == self.person(self.team.captain_id)
        return self.campaign.captain_amount if is_captain else self.campaign.member_amount

    @property
    def present(self) -> list[Member]:
        """One entry for each person who counts. A captain does not count as their own helper."""
        seen = {self.person(self.team.captain_id)} if self.campaign.kind == Kind.HELP else set()
        found: list[Member] = []
        for member in self.members:
            person = self.person(member.profile_id)
            if member.leave_time is None and person not in seen:
                seen.add(person)
                found.append(member)
        return found

    @property
    def rewards(self) -> list[Reward]:
        """What everybody got when the team was complete, whoever was helped first; nothing before."""
        if self.team.state != State.COMPLETED:
            return []
        promised = self.campaign.captain_amount if self.campaign.kind == Kind.HELP else 0
        helped = Reward(self.person(self.team.captain_id), promised - self.team.captain_ungiven, promised)
        seated = [
            Reward(self.person(member.profile_id), member.paid_amount - member.ungiven_amount, member.paid_amount)
            for member in self.members
        ]
        return [reward for reward in (helped, *seated) if reward.desired_amount]

    def entry_of(self, profile_id: str) -> Member | None:
        """A person's entry under any of their profiles; one that has a seat before one that was left."""
        person = self.person(profile_id)
        own = [member for member in self.members if self.person(member.profile_id) == person]
        return min(own, key=lambda member: member.leave_time is not None, default=None)

    def with_member(self, changed: Member) -> "Crew":
        """The crew after somebody came or left."""
        others = [member for member in self.members if member.profile_id != changed.profile_id]
        return replace(
            self, members=sorted([*others, changed], key=lambda member: (member.join_time, member.profile_id))
        )


def opened(
    campaign: TeamCampaign, person: Person, order_reference: str, earlier: int, *, team_id: UUID, now: datetime
) -> Crew:
    """A new team. `earlier` counts those that the person opened. Raises `TeamCampaignNotRunning`, `TeamLimit`."""
    if campaign.stopped or not campaign.start_time <= now < campaign.end_time:
        raise TeamCampaignNotRunning(campaign.team_campaign_id)
    if earlier >= campaign.teams_per_profile_max:
        raise TeamLimit(campaign.teams_per_profile_max)
    team = Team(team_id, campaign.team_campaign_id, person.profile_id, campaign.size, now + campaign.ttl, now)
    captain = Member(team_id, person.profile_id, order_reference, now)
    members = [captain] if campaign.kind == Kind.GROUP_BUY else []
    return Crew(campaign, replace(team, taken=len(members)), members, {person.profile_id: person})


def joining(crew: Crew, profile_id: str, order_reference: str, now: datetime) -> Member | None:
    """The entry of somebody who comes, or comes back; None when they are there.

    Raises `TeamSelfHelp`, `TeamFull`, `TeamOver`.
    """
    team = crew.team
    if crew.campaign.kind == Kind.HELP and crew.person(profile_id) == crew.person(team.captain_id):
        raise TeamSelfHelp(team.team_id)
    entry = crew.entry_of(profile_id)
    if entry and entry.leave_time is None:
        return None
    if team.state == State.COMPLETED:
        raise TeamFull(team.team_id, team.seats)
    _check_open(team, now)
    own = entry.profile_id if entry else crew.person(profile_id)
    return Member(team.team_id, own, order_reference, now)


def leaving(crew: Crew, profile_id: str, now: datetime) -> Member | None:
    """The entry of somebody who leaves; None when they are not there. Raises `TeamCaptain`, `TeamOver`."""
    if crew.person(profile_id) == crew.person(crew.team.captain_id):
        raise TeamCaptain(crew.team.team_id)
    entry = crew.entry_of(profile_id)
    if entry is None or entry.leave_time is not None:
        return None
    _check_open(crew.team, now)
    return entry._replace(leave_time=now)


def hit_by(crew: Crew, refunds: Sequence[OrderRefund]) -> list[Member]:
    """Those who are in a team with an order of which nothing remains, and of whom that is not known yet."""
    if crew.team.state == State.EXPIRED:
        return []
    standing = [member for member in crew.members if not (member.leave_time or member.refund_time)]
    return [member for member in standing if any(_is_order_of(crew, member, refund) for refund in refunds)]


def _is_order_of(crew: Crew, member: Member, refund: OrderRefund) -> bool:
    if member.order_reference == refund.order_id:
        return True
    buyer = crew.person(refund.profile_id) if refund.profile_id else ""
    return member.order_reference == refund.order_number and buyer == crew.person(member.profile_id)


def refunded(crew: Crew, member: Member, now: datetime) -> Member:
    """The entry of somebody whose order was refunded: they give back a seat in an open team, unless they opened it."""
    if crew.team.state == State.OPEN and crew.person(member.profile_id) != crew.person(crew.team.captain_id):
        return member._replace(leave_time=now)
    return member._replace(refund_time=now)


def _check_open(team: Team, now: datetime) -> None:
    if team.state != State.OPEN or now >= team.expire_time:
        raise TeamOver(team.team_id)


def counted(crew: Crew, now: datetime) -> Crew:
    """The crew with its team after somebody came or left: complete when the last seat is taken."""
    team = replace(crew.team, taken=len(crew.present))
    if team.taken == team.seats:
        team = replace(team, state=State.COMPLETED, close_time=now)
    return replace(crew, team=team)


def expired(team: Team, now: datetime) -> Team:
    """A team whose time is over."""
    return replace(team, state=State.EXPIRED, close_time=now)


def want(campaign: TeamCampaign, team: Team) -> Want | None:
    """What a team asks of the budget; None when nothing is given."""
    if campaign.budget_id is None:
        return None
    return Want(campaign.budget_id, campaign.team_cost, time=team.charge_time)


def rewarded(crew: Crew) -> list[Member]:
    """The entries of a complete team with what each gets: nothing for an order that was refunded before."""
    return [
        member._replace(
            paid_to=crew.person(member.profile_id),
            paid_amount=0 if member.refund_time else crew.reward_of(member.profile_id),
        )
        for member in crew.present
    ]


def clipped(crew: Crew, ungiven: Mapping[str, int]) -> Crew:
    """A crew that was paid, but for what was not given of payments that have these ids."""
    members = [
        member._replace(ungiven_amount=ungiven.get(_payment_id(crew, member.paid_to or ""), 0))
        for member in crew.members
    ]
    helped = ungiven.get(_payment_id(crew, crew.person(crew.team.captain_id)), 0)
    kept = helped if crew.campaign.kind == Kind.HELP else 0
    return replace(crew, members=members, team=replace(crew.team, captain_ungiven=kept))


def withheld(crew: Crew) -> dict[str, int]:
    """What a captain who was helped does not get because they are barred, by the id of the payment."""
    captain_id = crew.team.captain_id
    if crew.campaign.kind != Kind.HELP or crew.people[captain_id] not in crew.barred:
        return {}
    return {_payment_id(crew, crew.person(captain_id)): crew.campaign.captain_amount}


def payments(crew: Crew, entries: Iterable[Member], now: datetime) -> Iterator[Claim]:
    """What the people of a complete team earn. Who is helped has no entry."""
    if crew.campaign.kind == Kind.HELP:
        yield from _payment(crew, crew.person(crew.team.captain_id), crew.reward_of(crew.team.captain_id), now)
    for member in entries:
        yield from _payment(crew, member.paid_to or "", member.paid_amount, now)


def unpaid(campaign: TeamCampaign, team: Team, claims: Iterable[Claim]) -> Want | None:
    """What of a team's reserve nobody earned."""
    left = campaign.team_cost - sum(claim.amount for claim in claims)
    return Want(campaign.budget_id, left, time=team.charge_time) if campaign.budget_id and left else None


def clawback(crew: Crew, member: Member, now: datetime) -> tuple[Claim, Want] | None:
    """What somebody got whose order was refunded since, and what the budget has again; None for nothing."""
    if crew.campaign.budget_id is None or not member.paid_amount:
        return None
    (paid,) = _payment(crew, member.paid_to or "", member.paid_amount, now)
    claim = paid._replace(transfer_id=f"{paid.transfer_id}/back", reverses=paid.transfer_id)
    return claim, Want(crew.campaign.budget_id, member.paid_amount, time=crew.team.charge_time)


def _payment_id(crew: Crew, person: str) -> str:
    return f"team/{crew.team.team_id}/{person}"


def _payment(crew: Crew, person: str, amount: int, now: datetime) -> Iterator[Claim]:
    if amount:
        yield Claim(
            transfer_id=_payment_id(crew, person),
            issuer=f"issuer/{crew.campaign.team_campaign_id}",
            profile_id=person,
            asset=crew.campaign.asset,
            amount=amount,
            post_time=now,
            memo=crew.campaign.name,
        )
