"""Chance in pots: spec value §2.5, POT-07, POT-08."""

import hashlib
import hmac
from collections import Counter
from datetime import UTC, datetime
from math import sqrt
from statistics import fmean, pstdev
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.pots.domain.draws import Draws, Tickets
from services.incentive.pots.domain.prizes import Level, Levels, Lottery, LotteryPrize, RandomSplit, Score

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = bytes(range(32))


@st.composite
def splits(draw: st.DrawFn) -> RandomSplit:
    count, least = draw(st.integers(1, 60)), draw(st.integers(1, 50))
    most = draw(st.integers(least, least + 1_000))
    return RandomSplit(count, draw(st.integers(count * least, count * most)), least, most)


@given(splits(), st.binary(min_size=32, max_size=32))
def test_pot_08_parts_make_the_pool_exactly_and_stay_within_their_bounds(split: RandomSplit, seed: bytes) -> None:
    amounts = split.amounts(Draws(seed, "e"))

    assert split.is_possible
    assert len(amounts) == split.packet_count
    assert sum(amounts) == split.pool
    assert split.packet_min <= min(amounts) <= max(amounts) <= split.packet_max
    assert amounts == split.amounts(Draws(seed, "e"))


def test_pot_08_of_ten_thousand_splits_every_place_has_the_same_mean() -> None:
    split = RandomSplit(5, 1_000, 1, 700)
    draws = Draws(SEED, "e")

    rounds = [split.amounts(draws) for _ in range(10_000)]

    assert {sum(amounts) for amounts in rounds} == {1_000}
    assert all(1 <= amount <= 700 for amounts in rounds for amount in amounts)
    for place in zip(*rounds, strict=True):
        assert abs(fmean(place) - 200) <= 3 * pstdev(place) / sqrt(10_000)
        assert pstdev(place) > 50


@given(st.integers(1, 100), st.integers(1, 100), st.integers(1, 100))
def test_pot_07_what_cannot_be_split_is_known_beforehand(count: int, least: int, span: int) -> None:
    most = least + span

    assert not RandomSplit(count, count * least - 1, least, most).is_possible
    assert not RandomSplit(count, count * most + 1, least, most).is_possible
    assert RandomSplit(count, count * least, least, most).amounts(Draws(SEED, "")) == [least] * count
    assert RandomSplit(count, count * most, least, most).amounts(Draws(SEED, "")) == [most] * count


def test_draws_are_what_the_contract_says_for_everybody_to_repeat() -> None:
    first = int.from_bytes(hmac.new(SEED, b"entries" + bytes(8), hashlib.sha256).digest())

    assert Draws(SEED, "entries").below(1_000) == first % 1_000


def test_all_numbers_are_equally_likely() -> None:
    draws = Draws(SEED, "")
    found = Counter(draws.below(7) for _ in range(14_000))

    assert sum((count - 2_000) ** 2 / 2_000 for count in found.values()) < 22.46  # χ² of 6 degrees, p = .001


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.randoms())
def test_a_ticket_is_its_owners_and_leaves_with_all_of_theirs(counts: list[int], random: object) -> None:
    drum, left = Tickets(counts), list(counts)
    while drum.total:
        ticket = random.randrange(drum.total)  # type: ignore[attr-defined]
        owners = [owner for owner, count in enumerate(left) for _ in range(count)]

        assert drum.take(ticket) == owners[ticket]
        left[owners[ticket]] = 0
        assert drum.total == sum(left)


def _entries(*scores: int) -> list[Score]:
    return [Score(str(UUID(int=number)), score, NOON) for number, score in enumerate(scores)]


@given(st.lists(st.integers(1, 5), max_size=30), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.booleans())
def test_nobody_wins_twice_and_no_prize_is_given_twice(
    scores: list[int], quantities: list[int], per_point: bool
) -> None:
    lottery = Lottery(tuple(LotteryPrize(f"p{n}", n + 1, q, 1) for n, q in enumerate(quantities)), per_point)

    awards = list(lottery.awards(_entries(*scores), 1, Draws(SEED, "e")))

    assert len({award.of.profile_id for award in awards}) == len(awards) == min(len(scores), sum(quantities))
    assert [award.amount for award in awards] == sorted(award.amount for award in awards)
    assert sum(award.amount for award in awards) <= lottery.most


def test_who_has_more_tickets_wins_more_often_in_proportion() -> None:
    lottery = Lottery((LotteryPrize("one", 1, 1, 1),), per_point=True)
    entries = _entries(1, 3)

    wins = Counter(
        award.of.score for number in range(4_000) for award in lottery.awards(entries, 1, Draws(SEED, str(number)))
    )

    assert abs(wins[3] - 3_000) <= 3 * sqrt(4_000 * 0.75 * 0.25)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=10, unique=True), st.integers(0, 120))
def test_a_level_is_reached_with_its_points_and_not_before(thresholds: list[int], score: int) -> None:
    levels = Levels(tuple(Level(threshold, 1) for threshold in sorted(thresholds)), 1)

    reached = levels.reached(score)

    assert all(level.score_min <= score for level in levels.levels[:reached])
    assert all(level.score_min > score for level in levels.levels[reached:])
