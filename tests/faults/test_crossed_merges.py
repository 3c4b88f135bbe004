"""Two processes merge the same people from both ends: no caller hears of it, no event is lost, nobody mistaken."""

from collections.abc import Callable

import pytest

from tests.faults.crossing import CROWD, check, cross

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROUNDS = 2


async def test_merges_that_two_processes_cross_lose_nobody_and_mistake_nobody(
    fresh_database: Callable[[str], str],
) -> None:
    url = fresh_database("profile")
    for turn in range(1, ROUNDS + 1):
        heard = cross(url, f"t{turn}")
        merges = await check(url, f"t{turn}", heard)
        assert merges > turn * CROWD  # two of six identifiers at a time: many are several people at first
