"""Laws of turns."""

import asyncio
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chassis.turns import Turns


class Works:
    """Who works on what, and in which order they began."""

    def __init__(self) -> None:
        self.turns: Turns[int] = Turns()
        self.busy: Counter[int] = Counter()
        self.begun: list[int] = []
        self.together_max = 0
        self._going = 0

    async def work(self, number: int, keys: frozenset[int], steps: int) -> None:
        async with self.turns.of(keys):
            self.begun.append(number)
            self.busy.update(keys)
            self._going += 1
            assert max(self.busy.values(), default=0) <= 1
            self.together_max = max(self.together_max, self._going)
            for _ in range(steps):
                await asyncio.sleep(0)
            self._going -= 1
            self.busy.subtract(keys)


@given(jobs=st.lists(st.tuples(st.frozensets(st.integers(0, 5)), st.integers(0, 5)), max_size=12))
def test_nobody_works_on_a_key_of_another_and_those_of_one_key_begin_in_order(jobs: list[tuple[frozenset[int], int]]):
    async def main() -> list[int]:
        works = Works()
        await asyncio.gather(*(works.work(at, keys, steps) for at, (keys, steps) in enumerate(jobs)))
        return works.begun

    begun = asyncio.run(main())

    assert sorted(begun) == list(range(len(jobs)))
    for key in range(6):
        of_key = [at for at in begun if key in jobs[at][0]]
        assert of_key == sorted(of_key)


async def test_work_on_other_keys_goes_ahead():
    works = Works()

    await asyncio.gather(works.work(0, frozenset({1}), 5), works.work(1, frozenset({2}), 5))

    assert works.together_max == 2


async def test_work_that_fails_or_is_given_up_while_it_waits_lets_the_next_go():
    turns: Turns[int] = Turns()
    entered, go = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        async with turns.of(frozenset({1})):
            entered.set()
            await go.wait()
            raise ValueError

    async def wait() -> str:
        async with turns.of(frozenset({1})):
            return "went"

    first = asyncio.create_task(fail())
    await entered.wait()
    given_up, last = asyncio.create_task(wait()), asyncio.create_task(wait())
    await asyncio.sleep(0)
    given_up.cancel()
    go.set()
    found = await asyncio.wait_for(asyncio.gather(first, given_up, last, return_exceptions=True), 30)

    assert [type(each) for each in found] == [ValueError, asyncio.CancelledError, str]
