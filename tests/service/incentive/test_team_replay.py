"""Real group buying (BeiBei), replayed against a count that knows nothing of teams."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from itertools import chain, islice
from uuid import UUID

import pytest
from bowen.incentive.v1.events_pb2 import TeamCompleted, TeamExpired

from chassis.errors import Refusal
from tests.service.incentive.rewarding import Incentive
from tests.service.incentive.teaming import DAY, Teams, a_teams
from tests.shared import shared_data

SIZE = 3
OF_EACH = 60
AT_ONCE = 20


@pytest.fixture
async def teams(incentive: Incentive) -> AsyncIterator[Teams]:
    async with a_teams(incentive) as teams:
        yield teams
        await incentive.ledger.check()


def groups() -> list[list[int]]:
    """Who bought together: the initiator, then the others."""
    with gzip.open(shared_data("groupbuy", "tune.txt.gz"), "rt") as lines:
        return [[int(user), *map(int, others)] for user, _, *others in (line.split() for line in lines)]


def some_of_each_size() -> list[list[int]]:
    """As many groups that are too small as just large enough and too large."""
    sizes = (lambda row: len(row) < SIZE, lambda row: len(row) == SIZE, lambda row: len(row) > SIZE)
    return [row for fits in sizes for row in islice(filter(fits, groups()), OF_EACH)]


def of_busy_friends() -> list[list[int]]:
    """Groups with somebody who bought with many."""
    bought = Counter(user for row in groups() for user in row[1:])
    return list(islice((row for row in groups() if any(bought[user] >= 8 for user in row[1:])), 2 * OF_EACH))


def profile(user: int) -> str:
    return str(UUID(int=user + 1))


async def joined(teams: Teams, team_id: str, user: int) -> str:
    try:
        await teams.join(team_id, profile(user))
    except Refusal as refusal:
        return refusal.reason
    return "IN"


async def test_real_groups_are_complete_exactly_where_enough_people_bought(teams: Teams) -> None:
    rows = some_of_each_size()
    campaign_id = await teams.campaign(size=SIZE, budget=20 * len(rows))

    async def replay(row: list[int]) -> list[str]:
        team = await teams.open(campaign_id, profile(row[0]))
        return [await joined(teams, team.team_id, user) for user in row[1:]]

    outcomes: list[str] = []
    for at in range(0, len(rows), AT_ONCE):
        outcomes += chain.from_iterable(await asyncio.gather(*map(replay, rows[at : at + AT_ONCE])))
    teams.incentive.clock.advance(DAY)
    await teams.servicer.expire()

    people = [set(row) for row in rows]
    full = [each for each in people if len(each) >= SIZE]
    assert len(await teams.incentive.told(TeamCompleted)) == len(full) == 2 * OF_EACH
    assert len(await teams.incentive.told(TeamExpired)) == len(rows) - len(full) == OF_EACH
    assert outcomes.count("TEAM_FULL") == sum(len(each) - SIZE for each in full) >= OF_EACH
    assert (await teams.read(campaign_id)).spent == 20 * len(full)
    earned = "SELECT coalesce(sum(balance), 0)::bigint FROM account WHERE account LIKE 'member/%/available'"
    assert await teams.incentive.rows(earned) == [(20 * len(full),)]


async def test_real_friends_help_once_each_in_the_order_in_which_they_come(teams: Teams) -> None:
    rows = of_busy_friends()
    campaign_id = await teams.help_campaign(size=1, budget=10 * len(rows))
    helped: set[int] = set()
    complete = 0
    for row in rows:
        free = [user for user in row[1:] if user not in helped][:1]
        helped |= set(free)
        complete += len(free)

    for row in rows:
        team = await teams.open(campaign_id, profile(row[0]))
        for user in row[1:]:
            await joined(teams, team.team_id, user)

    assert await teams.incentive.rows("SELECT count(*) FROM team WHERE state = 'completed'") == [(complete,)]
    assert 0 < complete < len(rows)
