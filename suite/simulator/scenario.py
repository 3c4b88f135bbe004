"""What a simulation is told: who there is, how each ring behaves, who cheats. Rates are basis points."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from suite.simulator.values import Ring


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is behind a click on a share, in basis points; the rest are newcomers."""

    seed: int = 0
    leader: int = 0
    household: int = 0
    known: int = 0
    """Newcomers of earlier clicks."""


@dataclass(frozen=True, slots=True)
class RingRule:
    """How the people of a ring behave. With `i` exposures per share and `c` shares per exposed person, `K = i·c`."""

    people: int = 0
    """How many there are before the first click."""
    first_shares: int = 0
    """Shares each of them makes unasked, spread over the launch."""
    exposures: int = 0
    """i: how many see one share."""
    click_bp: int = 0
    """Of the exposed."""
    register_bp: int = 0
    """Of newcomers who click."""
    share_bp: int = 0
    """Of those who clicked and are known: pass it on through their click."""
    buy_bp: int = 0
    """Of those who clicked and are known."""
    hop: timedelta = timedelta(hours=6)
    """Mean time from a share to a click."""
    audience: Audience = Audience()


@dataclass(frozen=True, slots=True)
class CheatPlan:
    """How many cheaters of each kind."""

    click_rings: int = 0
    click_ring_people: int = 5
    click_ring_rounds: int = 3
    refreshers: int = 0
    refresh_clicks: int = 200
    self_purchasers: int = 0
    mutual_pairs: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """All a simulation depends on: equal scenarios give equal streams."""

    seed: int
    start: datetime
    days: int
    rules: Mapping[Ring, RingRule]
    stores: tuple[str, ...]
    """Where guides work and newcomers buy, guides' stores first."""
    households: tuple[str, ...] = ()
    """Member numbers known before the first day."""
    launch_days: int = 0
    """First shares fall into these; 0 means all days."""
    generations_max: int = 24
    repeat_bp: int = 3_000
    """Of newcomers who bought: buy again."""
    new_ripple_bp: int = 0
    """Of newcomers who bought: start a ripple of their own."""
    card_bp: int = 5_000
    """Of registrations: get the member number at once, the others at the first purchase."""
    login_bp: int = 6_000
    """Of households who click: log in."""
    switch_bp: int = 2_000
    """Of those who register or log in: come again from another device and log in there."""
    attribution: timedelta = timedelta(days=7)
    """How long a click can be credited with a purchase."""
    contents: tuple[str, ...] = ("spring-recipes", "loyalty-story", "weekend-deal", "new-arrivals")
    baskets: int = 1
    cheats: CheatPlan = field(default_factory=CheatPlan)

    @property
    def end(self) -> datetime:
        """Nothing happens at or after this instant."""
        return self.start + timedelta(days=self.days)

    @property
    def launch(self) -> timedelta:
        """The time first shares are spread over."""
        return timedelta(days=self.launch_days or self.days)


def demo(
    *,
    seed: int,
    start: datetime,
    days: int,
    stores: tuple[str, ...],
    households: tuple[str, ...],
    baskets: int,
) -> Scenario:
    """The ripple of the demo: guides of the first stores, households of the data set as seeds and leaders."""
    rules = {
        Ring.TEAM: RingRule(
            people=60,
            first_shares=max(1, days // 5),
            exposures=60,
            click_bp=800,
            hop=timedelta(hours=3),
            audience=Audience(seed=1_200, leader=200, household=600, known=400),
        ),
        Ring.SEED: RingRule(
            people=240,
            first_shares=max(1, days // 30),
            exposures=40,
            click_bp=1_000,
            share_bp=2_000,
            buy_bp=300,
            hop=timedelta(hours=8),
            audience=Audience(seed=800, leader=200, household=500, known=1_000),
        ),
        Ring.OPINION_LEADER: RingRule(
            people=24,
            first_shares=max(1, days // 15),
            exposures=240,
            click_bp=600,
            share_bp=2_500,
            buy_bp=300,
            hop=timedelta(hours=5),
            audience=Audience(seed=400, leader=300, household=500, known=1_000),
        ),
        Ring.PROSPECT: RingRule(
            exposures=40,
            click_bp=1_000,
            register_bp=2_000,
            share_bp=6_000,
            buy_bp=1_000,
            hop=timedelta(hours=12),
            audience=Audience(seed=400, leader=100, household=300, known=1_500),
        ),
    }
    return Scenario(
        seed=seed,
        start=start,
        days=days,
        rules=rules,
        stores=stores,
        households=households,
        new_ripple_bp=3_000,
        baskets=baskets,
        cheats=CheatPlan(click_rings=3, refreshers=3, self_purchasers=8, mutual_pairs=5),
    )


START = datetime(2017, 1, 1, tzinfo=UTC)


def textbook_ripple(seed: int, *, people: int = 100, generations: int = 4) -> Scenario:
    """Three exposures a share, one in five passes it on, all newcomers: K = 3 · 0.2 = 0.6."""
    rule = RingRule(exposures=3, click_bp=10_000, register_bp=2_000, share_bp=10_000)
    return Scenario(
        seed=seed,
        start=START,
        days=365,
        launch_days=1,
        rules={Ring.TEAM: RingRule(people=people, first_shares=1, exposures=3, click_bp=10_000), Ring.PROSPECT: rule},
        stores=("S-1",),
        generations_max=generations,
        switch_bp=0,
    )


def textbook_funnel(seed: int, *, visitors: int = 10_000) -> Scenario:
    """Of 10,000 incentivised visitors 200 buy and 60 buy again."""
    team = RingRule(people=visitors // 100, first_shares=1, exposures=100, click_bp=10_000)
    return Scenario(
        seed=seed,
        start=START,
        days=365,
        launch_days=1,
        rules={Ring.TEAM: team, Ring.PROSPECT: RingRule(register_bp=2_000, buy_bp=1_000)},
        stores=("S-1",),
        generations_max=1,
        switch_bp=0,
    )
