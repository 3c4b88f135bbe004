"""Laws of gathering."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import caller, telemetry
from chassis.batch import Gatherer
from chassis.errors import FailedPrecondition, Overloaded, Unavailable


class Recorder:
    """Doubles numbers, refuses negative ones, and stands still until released."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        if not held:
            self.go.set()

    async def __call__(self, items: Sequence[int]) -> list[int | BaseException]:
        self.batches.append(list(items))
        await self.go.wait()
        return [item * 2 if item >= 0 else FailedPrecondition(str(item)) for item in items]


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@given(
    numbers=st.lists(st.integers(-100, 100), max_size=60),
    batch_max=st.integers(1, 10),
    lanes=st.integers(1, 3),
)
def test_each_caller_gets_its_own_outcome_whatever_the_batches(numbers: list[int], batch_max: int, lanes: int) -> None:
    async def body() -> None:
        recorder = Recorder()
        gatherer = Gatherer(recorder, batch_max=batch_max, queue_max=100, lanes=lanes)

        outcomes = await asyncio.gather(*map(gatherer.submit, numbers), return_exceptions=True)

        for number, outcome in zip(numbers, outcomes, strict=True):
            assert outcome == number * 2 if number >= 0 else isinstance(outcome, FailedPrecondition)
        assert [item for batch in recorder.batches for item in batch] == numbers
        assert all(len(batch) <= batch_max for batch in recorder.batches)

    asyncio.run(body())


async def test_while_one_batch_runs_the_next_collects() -> None:
    recorder = Recorder(held=True)
    gatherer = Gatherer(recorder, batch_max=10, queue_max=100)
    first = asyncio.create_task(gatherer.submit(0))
    await settle()
    others = [asyncio.create_task(gatherer.submit(number)) for number in (1, 2, 3)]
    await settle()

    recorder.go.set()
    await asyncio.gather(first, *others)

    assert recorder.batches == [[0], [1, 2, 3]]


async def test_no_more_batches_run_at_once_than_there_are_lanes() -> None:
    recorder = Recorder(held=True)
    gatherer = Gatherer(recorder, batch_max=1, queue_max=100, lanes=2)
    tasks = [asyncio.create_task(gatherer.submit(number)) for number in range(5)]
    await settle()

    assert len(recorder.batches) == 2

    recorder.go.set()
    await asyncio.gather(*tasks)


async def test_a_full_queue_refuses_the_next_and_keeps_what_it_has() -> None:
    recorder = Recorder(held=True)
    gatherer = Gatherer(recorder, batch_max=1, queue_max=2)
    tasks = [asyncio.create_task(gatherer.submit(0))]
    await settle()
    tasks += [asyncio.create_task(gatherer.submit(number)) for number in (1, 2)]
    await settle()

    with pytest.raises(Overloaded):
        await gatherer.submit(3)
    with pytest.raises(Overloaded):
        await gatherer.submit_all([3, 4])

    recorder.go.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4]


async def test_submitted_together_is_answered_together_with_refusals_in_place() -> None:
    gatherer = Gatherer(Recorder(), batch_max=2, queue_max=10)

    outcomes = await gatherer.submit_all([1, -1, 3])

    assert [outcomes[0], outcomes[2]] == [2, 6]
    assert isinstance(outcomes[1], FailedPrecondition)


async def test_one_item_that_makes_the_whole_batch_raise_does_not_fail_its_neighbours() -> None:
    async def brittle(items: Sequence[int]) -> list[int]:
        return [10 // item for item in items]

    outcomes = await Gatherer(brittle, batch_max=10, queue_max=10).submit_all([1, 0, 2])

    assert [outcomes[0], outcomes[2]] == [10, 5]
    assert isinstance(outcomes[1], ZeroDivisionError)


async def test_an_outage_fails_the_batch_without_a_second_try() -> None:
    tries = []

    async def away(items: Sequence[int]) -> list[int]:
        tries.append(items)
        raise Unavailable("away")

    outcomes = await Gatherer(away, batch_max=10, queue_max=10).submit_all([1, 2])

    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert len(tries) == 1


async def test_outcomes_that_do_not_match_the_items_reach_nobody() -> None:
    async def short(items: Sequence[int]) -> list[int]:
        return [1] if len(items) > 1 else []

    with pytest.raises(RuntimeError, match="1 items, 0 outcomes"):
        await Gatherer(short, batch_max=10, queue_max=10).submit(1)


async def test_an_item_whose_caller_has_gone_is_not_worked_on() -> None:
    recorder = Recorder(held=True)
    gatherer = Gatherer(recorder, batch_max=1, queue_max=10)
    first = asyncio.create_task(gatherer.submit(0))
    await settle()
    gone, stays = asyncio.create_task(gatherer.submit(1)), asyncio.create_task(gatherer.submit(2))
    await settle()

    gone.cancel()
    await settle()
    recorder.go.set()
    await asyncio.gather(first, stays)

    assert recorder.batches == [[0], [2]]


async def test_closing_finishes_what_was_taken_and_takes_nothing_more() -> None:
    recorder = Recorder(held=True)
    gatherer = Gatherer(recorder, batch_max=1, queue_max=10)
    tasks = [asyncio.create_task(gatherer.submit(number)) for number in (1, 2)]
    await settle()

    closing = asyncio.create_task(gatherer.close())
    await settle()
    with pytest.raises(Unavailable):
        await gatherer.submit(3)
    recorder.go.set()
    await closing

    assert [task.result() for task in tasks] == [2, 4]


async def test_a_batch_runs_outside_of_the_call_that_happened_to_start_it() -> None:
    callers = []

    async def handle(items: Sequence[int]) -> Sequence[int]:
        callers.append(caller.current().caller)
        return items

    with caller.acting(caller.Call(caller.Caller("someone"))):
        await Gatherer(handle, batch_max=1, queue_max=1).submit(1)

    assert callers == [caller.ANONYMOUS_SERVICE]


async def test_what_is_handed_in_the_moment_an_outcome_arrives_does_not_wait_for_ever() -> None:
    gatherer = Gatherer(Recorder(), batch_max=10, queue_max=100)

    async def caller() -> list[int]:
        return [await gatherer.submit(number) for number in range(20)]

    async with asyncio.timeout(30):
        assert await asyncio.gather(caller(), caller()) == [[number * 2 for number in range(20)]] * 2


async def test_a_batch_is_worked_on_in_the_trace_of_its_first_item() -> None:
    traces: list[str] = []

    async def handle(items: Sequence[int]) -> Sequence[int]:
        traces.append(telemetry.trace_id())
        return items

    gatherer = Gatherer(handle, batch_max=10, queue_max=100)
    for trace_id in ("a" * 32, "b" * 32):
        with telemetry.extract(f"00-{trace_id}-{'1' * 16}-01"):
            await gatherer.submit(1)

    assert traces == ["a" * 32, "b" * 32]


async def test_large_items_make_short_batches_and_too_large_ones_a_batch_of_their_own() -> None:
    recorder = Recorder()
    gatherer = Gatherer(recorder, batch_max=10, queue_max=100, size=lambda item: item)

    await gatherer.submit_all([4, 6, 1, 30, 9, 1, 1])

    assert recorder.batches == [[4, 6], [1], [30], [9, 1], [1]]
