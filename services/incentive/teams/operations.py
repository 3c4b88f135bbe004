"""What changes teams: lock, decide, save, pay, tell.

Rows are held in one order everywhere: team campaigns, captains, teams, their members, budgets, accounts. Erasures are
held before them all, where somebody takes a seat.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx
from people.erasures import hold_erasures
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget, Want
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile
from services.incentive.teams import domain, events, store
from services.incentive.teams.domain import Crew, Kind, OrderRefund, State, Team, TeamCampaign
from services.incentive.teams.errors import TeamHelped, TeamUnfunded

EXPIRED_AT_ONCE_MAX = 200


async def create_campaign(tx: Tx, campaign: TeamCampaign, budget: Budget | None) -> None:
    """Add a campaign with its budget."""
    if budget:
        await budget_store.insert_budget(tx, budget)
    await store.insert_campaign(tx, campaign)


async def stop_campaign(tx: Tx, team_campaign_id: UUID) -> TeamCampaign:
    """Have no more teams opened. Raises `TeamCampaignNotFound`."""
    await store.stop_campaign(tx, team_campaign_id)
    return await store.get_campaign(tx, team_campaign_id)


async def open_team(
    tx: Tx, team_campaign_id: UUID, profile_id: str, order_reference: str, *, team_id: UUID, now: datetime
) -> Crew:
    """Open a team, and reserve what it will get.

    Raises `TeamCampaignNotFound`, `ProfileErased`, `ProcessingRestricted`, `TeamCampaignNotRunning`, `TeamLimit`,
    `TeamUnfunded`.
    """
    await hold_erasures(tx)
    campaign = await store.hold_campaign(tx, team_campaign_id)
    person = (await subjects.find_people(tx, [profile_id]))[profile_id]
    earlier = await store.count_opened(tx, team_campaign_id, person.ids)
    if (await subjects.find_people(tx, [profile_id]))[profile_id] != person:
        raise MergedMeanwhile
    await subjects.check_processing(tx, profile_id, person.ids)
    crew = domain.opened(campaign, person, order_reference, earlier, team_id=team_id, now=now)
    team = replace(crew.team, charge_time=await _charge(tx, campaign, crew.team))
    await store.insert_team(tx, team)
    for member in crew.members:
        await store.save_member(tx, campaign, member)
    return replace(crew, team=team)


async def _charge(tx: Tx, campaign: TeamCampaign, team: Team) -> datetime | None:
    """Reserve what a team will get. Returns when, by the budget's clock. Raises `TeamUnfunded`."""
    want = domain.want(campaign, team)
    if want is None:
        return None
    purse = await budgets.open_purse(tx, wants=[want])
    if not purse.reserve(want):
        raise TeamUnfunded(campaign.team_campaign_id)
    await budgets.save_purse(tx, purse)
    return purse.time


async def join_team(tx: Tx, team_id: UUID, profile_id: str, order_reference: str, now: datetime) -> Crew:
    """Take a seat. With the last one the team is complete, and everybody gets what was promised.

    Raises `TeamNotFound`, `TeamSelfHelp`, `TeamHelped`, `TeamFull`, `TeamOver`, `ProfileErased`,
    `ProcessingRestricted`.
    """
    await hold_erasures(tx)
    crew = await _lock_crew(tx, team_id, profile_id)
    member = domain.joining(crew, profile_id, order_reference, now)
    if member is None:
        return crew
    ids = crew.people[profile_id].ids
    await subjects.check_processing(tx, profile_id, ids)
    if crew.campaign.kind == Kind.HELP and await store.has_helped(tx, crew.campaign, ids, other_than=team_id):
        raise TeamHelped(team_id)
    await store.save_member(tx, crew.campaign, member)
    crew = domain.counted(await _peopled(tx, crew.with_member(member)), now)
    await store.save_teams(tx, [crew.team])
    return await _complete(tx, crew, now) if crew.team.state == State.COMPLETED else crew


async def _complete(tx: Tx, crew: Crew, now: datetime) -> Crew:
    crew = replace(crew, barred=await subjects.barred_people(tx, crew.people.values()))
    entries = domain.rewarded(crew)
    for member in entries:
        await store.save_member(tx, crew.campaign, member)
        crew = crew.with_member(member)
    claims = list(domain.payments(crew, entries, now))
    if left := domain.unpaid(crew.campaign, crew.team, claims):
        await budgets.release_all(tx, [left])
    ungiven = {**domain.withheld(crew), **await ledger.earn(tx, domain.SCOPE, claims)}
    if ungiven:
        crew = await _clip(tx, crew, ungiven)
    await events.team_completed(tx, crew, now=now)
    return crew


async def _clip(tx: Tx, crew: Crew, ungiven: Mapping[str, int]) -> Crew:
    crew = domain.clipped(crew, ungiven)
    await store.save_teams(tx, [crew.team])
    for member in crew.members:
        if member.ungiven_amount:
            await store.save_member(tx, crew.campaign, member)
    return crew


async def leave_team(tx: Tx, team_id: UUID, profile_id: str, now: datetime) -> Crew:
    """Give a seat back. Raises `TeamNotFound`, `TeamCaptain`, `TeamOver`."""
    crew = await _lock_crew(tx, team_id, profile_id)
    member = domain.leaving(crew, profile_id, now)
    if member is None:
        return crew
    await store.save_member(tx, crew.campaign, member)
    crew = domain.counted(crew.with_member(member), now)
    await store.save_teams(tx, [crew.team])
    return crew


async def refund_orders(tx: Tx, refunds: Sequence[OrderRefund], now: datetime) -> None:
    """Take back what teams got those who kept nothing of their order (spec value §2.5, GP-05).

    A complete team stays complete, and the others keep what they got: they did nothing wrong. Of an open team a seat is
    given back; a captain keeps it, and gets nothing for it.
    """
    teams = await store.lock_by_order(tx, {each for refund in refunds for each in refund[:2] if each})
    if not teams:
        return
    lost = []
    for crew in await crews_of(tx, teams, *(refund.profile_id for refund in refunds if refund.profile_id)):
        lost += await _refund_crew(tx, crew, refunds, now)
    if lost:
        await budgets.release_all(tx, [want for _, want in lost])
        await ledger.take_back(tx, domain.SCOPE, [claim for claim, _ in lost])


async def _refund_crew(tx: Tx, crew: Crew, refunds: Sequence[OrderRefund], now: datetime) -> list[tuple[Claim, Want]]:
    hit = domain.hit_by(crew, refunds)
    for member in hit:
        changed = domain.refunded(crew, member, now)
        await store.save_member(tx, crew.campaign, changed)
        crew = crew.with_member(changed)
    if hit and crew.team.state == State.OPEN:
        await store.save_teams(tx, [domain.counted(crew, now).team])
    return [lost for member in hit if (lost := domain.clawback(crew, member, now))]


async def expire_teams(tx: Tx, now: datetime) -> int:
    """Close teams that did not come together in time, a batch of them, and give their budgets back. Returns how many.

    That whatever was paid is to be refunded is told to others.
    """
    overdue = [domain.expired(team, now) for team in await store.lock_overdue(tx, now, EXPIRED_AT_ONCE_MAX)]
    if not overdue:
        return 0
    crews = await crews_of(tx, overdue)
    await store.save_teams(tx, overdue)
    wants = [want for crew in crews if (want := domain.want(crew.campaign, crew.team))]
    if wants:
        await budgets.release_all(tx, wants)
    await events.teams_expired(tx, crews, now=now)
    return len(overdue)


async def _lock_crew(tx: Tx, team_id: UUID, profile_id: str) -> Crew:
    (crew,) = await crews_of(tx, [await store.lock_team(tx, team_id)], profile_id)
    return crew


async def crews_of(tx: ReadTx, teams: Sequence[Team], *profile_ids: str) -> list[Crew]:
    """Teams with who is in them; `profile_ids` are known to them too."""
    campaigns = await store.find_campaigns(tx, teams)
    members = await store.list_members(tx, [team.team_id for team in teams])
    known = {*profile_ids, *(team.captain_id for team in teams), *(member.profile_id for member in members)}
    people = await subjects.find_people(tx, known)
    return [
        Crew(
            campaigns[team.team_campaign_id],
            team,
            [member for member in members if member.team_id == team.team_id],
            people,
        )
        for team in teams
    ]


async def _peopled(tx: ReadTx, crew: Crew) -> Crew:
    """The crew with the people of a member who came under the profile that stands for them."""
    missing: Collection[str] = {member.profile_id for member in crew.members} - crew.people.keys()
    return replace(crew, people={**crew.people, **await subjects.find_people(tx, missing)}) if missing else crew
