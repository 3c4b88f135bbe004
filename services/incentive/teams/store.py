"""Every statement on teams."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from chassis.db import ReadTx, Tx, driver, violated
from services.incentive.teams.domain import Channel, Kind, Member, State, Team, TeamCampaign
from services.incentive.teams.errors import TeamCampaignNotFound, TeamHelped, TeamNotFound

_CAMPAIGN = """
SELECT team_campaign_id, name, kind, size, ttl, asset, captain_amount, member_amount, budget_id, teams_per_profile_max,
       channel, start_time, end_time, create_time, stopped
FROM team_campaign
"""

_INSERT_CAMPAIGN = """
INSERT INTO team_campaign (team_campaign_id, name, kind, size, ttl, asset, captain_amount, member_amount, budget_id,
                           teams_per_profile_max, channel, start_time, end_time, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

_TEAM = """
SELECT team_id, team_campaign_id, captain_id::text, seats, expire_time, create_time, state, taken, close_time,
       charge_time, captain_ungiven
FROM team
"""

_INSERT_TEAM = """
INSERT INTO team (team_id, team_campaign_id, captain_id, seats, expire_time, create_time, state, taken, charge_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

# A person opens one team after another. All their profiles have a row: whoever opens one under an id that is merged at
# this moment has a row that nobody else sees yet, and is waited for.
_OPEN_CAPTAIN = """
INSERT INTO team_captain (team_campaign_id, profile_id)
SELECT $1, profile_id FROM unnest($2::uuid[]) AS own (profile_id) ORDER BY profile_id
ON CONFLICT ON CONSTRAINT team_captain_pkey DO NOTHING
"""

_LOCK_CAPTAIN = """
SELECT FROM team_captain WHERE team_campaign_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY profile_id FOR UPDATE
"""

_COUNT_OPENED = """
SELECT count(*) FROM team WHERE team_campaign_id = $1 AND captain_id = ANY($2::uuid[]) AND state <> 'expired'
"""

_SAVE_MEMBER = """
INSERT INTO team_member AS member (team_id, profile_id, order_reference, join_time, leave_time, paid_to, paid_amount,
                                   refund_time, ungiven_amount, help_campaign_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT ON CONSTRAINT team_member_pkey DO UPDATE
SET order_reference = excluded.order_reference, join_time = excluded.join_time, leave_time = excluded.leave_time,
    paid_to = excluded.paid_to, paid_amount = excluded.paid_amount, refund_time = excluded.refund_time,
    ungiven_amount = excluded.ungiven_amount
"""

_HAS_HELPED = """
SELECT EXISTS (
    SELECT FROM team_member WHERE help_campaign_id = $1 AND profile_id = ANY($2::uuid[]) AND team_id <> $3
)
"""

_MEMBERS = """
SELECT team_id, profile_id::text, order_reference, join_time, leave_time, paid_to::text, paid_amount, refund_time,
       ungiven_amount
FROM team_member
WHERE team_id = ANY($1::uuid[]) ORDER BY join_time, team_member.profile_id
"""

_SAVE_TEAMS = """
UPDATE team SET state = new.state, taken = new.taken, close_time = new.close_time,
    captain_ungiven = new.captain_ungiven
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::timestamptz[], $5::bigint[])
    AS new (team_id, state, taken, close_time, captain_ungiven)
WHERE team.team_id = new.team_id
"""

_LOCK_BY_ORDER = f"""
{_TEAM} WHERE team_id IN (
    SELECT team_id FROM team_member WHERE order_reference = ANY($1::text[]) AND order_reference <> ''
) ORDER BY team_id FOR UPDATE
"""  # noqa: S608 (constants)

_OF_PERSON = f"""
{_TEAM} WHERE team_id < $2 AND team_id IN (
    SELECT team_id FROM team WHERE captain_id = ANY($1::uuid[])
    UNION
    SELECT team_id FROM team_member WHERE profile_id = ANY($1::uuid[]) AND leave_time IS NULL
) ORDER BY team_id DESC LIMIT $3
"""  # noqa: S608 (constants)


async def insert_campaign(tx: Tx, campaign: TeamCampaign) -> None:
    """Add a campaign."""
    await (await driver(tx)).execute(
        _INSERT_CAMPAIGN,
        campaign.team_campaign_id,
        campaign.name,
        campaign.kind,
        campaign.size,
        campaign.ttl,
        campaign.asset,
        campaign.captain_amount,
        campaign.member_amount,
        campaign.budget_id,
        campaign.teams_per_profile_max,
        campaign.channel,
        campaign.start_time,
        campaign.end_time,
        campaign.create_time,
    )


async def stop_campaign(tx: Tx, team_campaign_id: UUID) -> None:
    """Have no more teams opened: whoever opens one at this moment is waited for."""
    query = "UPDATE team_campaign SET stopped = true WHERE team_campaign_id = $1"
    await (await driver(tx)).execute(query, team_campaign_id)


async def get_campaign(tx: ReadTx, team_campaign_id: UUID) -> TeamCampaign:
    """A campaign. Raises `TeamCampaignNotFound`."""
    return await _fetch_campaign(tx, f"{_CAMPAIGN} WHERE team_campaign_id = $1", team_campaign_id)


async def hold_campaign(tx: Tx, team_campaign_id: UUID) -> TeamCampaign:
    """Keep a campaign from being stopped until the transaction ends. Raises `TeamCampaignNotFound`."""
    return await _fetch_campaign(tx, f"{_CAMPAIGN} WHERE team_campaign_id = $1 FOR SHARE", team_campaign_id)


async def _fetch_campaign(tx: ReadTx, query: str, team_campaign_id: UUID) -> TeamCampaign:
    row = await (await driver(tx)).fetchrow(query, team_campaign_id)
    if row is None:
        raise TeamCampaignNotFound(team_campaign_id)
    fields = dict(row)
    return TeamCampaign(**fields | {"kind": Kind(fields["kind"]), "channel": Channel(fields["channel"])})


async def find_campaigns(tx: ReadTx, teams: Collection[Team]) -> dict[UUID, TeamCampaign]:
    """The campaigns of teams."""
    return {each: await get_campaign(tx, each) for each in {team.team_campaign_id for team in teams}}


async def count_opened(tx: Tx, team_campaign_id: UUID, ids: Collection[str]) -> int:
    """How many teams a person opened that did not come to nothing. Until the end nobody else opens one for them."""
    connection = await driver(tx)
    await connection.execute(_OPEN_CAPTAIN, team_campaign_id, list(ids))
    await connection.execute(_LOCK_CAPTAIN, team_campaign_id, list(ids))
    count: int = await connection.fetchval(_COUNT_OPENED, team_campaign_id, list(ids))
    return count


async def insert_team(tx: Tx, team: Team) -> None:
    """Add a team."""
    await (await driver(tx)).execute(
        _INSERT_TEAM,
        team.team_id,
        team.team_campaign_id,
        team.captain_id,
        team.seats,
        team.expire_time,
        team.create_time,
        team.state,
        team.taken,
        team.charge_time,
    )


async def get_team(tx: ReadTx, team_id: UUID) -> Team:
    """A team. Raises `TeamNotFound`."""
    return _found(team_id, await (await driver(tx)).fetchrow(f"{_TEAM} WHERE team_id = $1", team_id))


async def lock_team(tx: Tx, team_id: UUID) -> Team:
    """Be the only one who seats people in a team. Raises `TeamNotFound`."""
    return _found(team_id, await (await driver(tx)).fetchrow(f"{_TEAM} WHERE team_id = $1 FOR UPDATE", team_id))


async def lock_overdue(tx: Tx, now: datetime, limit: int) -> list[Team]:
    """Hold open teams whose time is over and that nobody changes at this moment."""
    query = f"""{_TEAM} WHERE state = 'open' AND expire_time <= $1
        ORDER BY expire_time LIMIT $2 FOR UPDATE SKIP LOCKED"""
    return [_team(row) for row in await (await driver(tx)).fetch(query, now, limit)]


async def lock_by_order(tx: Tx, references: Collection[str]) -> list[Team]:
    """Hold the teams in which somebody has a seat with one of these orders, in key order."""
    return [_team(row) for row in await (await driver(tx)).fetch(_LOCK_BY_ORDER, list(references))]


async def save_teams(tx: Tx, teams: Sequence[Team]) -> None:
    """Keep where locked teams stand."""
    rows = [(team.team_id, team.state, team.taken, team.close_time, team.captain_ungiven) for team in teams]
    await (await driver(tx)).execute(_SAVE_TEAMS, *(list(column) for column in zip(*rows, strict=True)))


async def list_teams(tx: ReadTx, profile_ids: Collection[str], *, before: UUID, limit: int) -> list[Team]:
    """The teams that a person opened or is in, under any of their ids, newest first."""
    return [_team(row) for row in await (await driver(tx)).fetch(_OF_PERSON, list(profile_ids), before, limit)]


async def list_members(tx: ReadTx, team_ids: Collection[UUID]) -> list[Member]:
    """All who have or had a seat, in the order in which they came."""
    return [Member(*row) for row in await (await driver(tx)).fetch(_MEMBERS, list(team_ids))]


async def has_helped(tx: ReadTx, campaign: TeamCampaign, ids: Collection[str], other_than: UUID) -> bool:
    """Whether a person has ever helped another team of the campaign."""
    query = await (await driver(tx)).fetchval(_HAS_HELPED, campaign.team_campaign_id, list(ids), other_than)
    return bool(query)


async def save_member(tx: Tx, campaign: TeamCampaign, member: Member) -> None:
    """Keep that somebody came or left. Raises `TeamHelped` when they helped elsewhere at the same moment."""
    helping = campaign.team_campaign_id if campaign.kind == Kind.HELP else None
    try:
        await (await driver(tx)).execute(_SAVE_MEMBER, *member, helping)
    except asyncpg.UniqueViolationError as error:
        if violated(error) != "team_member_help_key":
            raise
        raise TeamHelped(member.team_id) from error


def _found(team_id: UUID, row: Any) -> Team:
    if row is None:
        raise TeamNotFound(team_id)
    return _team(row)


def _team(row: Any) -> Team:
    fields = dict(row)
    return Team(**fields | {"state": State(fields["state"])})
