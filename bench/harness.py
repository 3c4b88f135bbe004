"""How a figure comes about: variants take turns in short passes, and only their ratio within a round counts."""

import asyncio
import gc
import inspect
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psutil

ROUNDS = 3
T = TypeVar("T")
Tell = Callable[[str], None]


class Wrong(AssertionError):
    """A variant was fast and wrong: its figure is no result."""


def check(holds: bool, claim: str) -> None:
    """Raises `Wrong` unless the claim holds."""
    if not holds:
        raise Wrong(claim)


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of one variant. Times are in seconds; `cpu` is by process."""

    items: int
    seconds: float
    cpu: Mapping[str, float]
    latencies: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Items per second."""
        return self.items / self.seconds

    def micros(self, who: str) -> float:
        """CPU microseconds per item."""
        return self.cpu[who] / self.items * 1e6

    def latency(self, share: float) -> float:
        """The latency that `share` of the calls do not exceed."""
        return percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Meter:
    """Reads the CPU time of this process ("bench") and of process trees by name."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids

    def read(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {"bench": time.process_time()} | {who: _tree_seconds(pid) for who, pid in self._pids.items()}


def _tree_seconds(pid: int) -> float:
    """Of a process, its living descendants, and those that have ended."""
    seconds = 0.0
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(each.cpu_times()[:4])
    return seconds


@dataclass(frozen=True, slots=True)
class Done:
    """What a pass did: how many items, and how long each call took if it was noted."""

    items: int
    latencies: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Variant(Generic[T]):
    """One way of doing the work. `make` gives a pass its input, while nobody measures; `run` is the pass."""

    make: Callable[[], Awaitable[Sequence[T]]]
    run: Callable[[Sequence[T]], Awaitable[Done]]


def called(
    make: Callable[[], Sequence[T]] | Callable[[], Awaitable[Sequence[T]]],
    call: Callable[[T], Awaitable[object]],
    callers: int,
    *,
    items: int | None = None,
) -> Variant[T]:
    """A variant in which so many callers at once work through the input. A call counts as one, unless `items` says
    how many the whole pass has.
    """

    async def made() -> Sequence[T]:
        found = make()
        return await found if inspect.isawaitable(found) else found

    async def run(inputs: Sequence[T]) -> Done:
        return Done(len(inputs) if items is None else items, await shared(inputs, callers, call))

    return Variant(made, run)


@dataclass(frozen=True, slots=True)
class Runs:
    """The passes of every variant, round by round."""

    passes: Mapping[str, Sequence[Pass]]

    def ratios(self, ours: str, theirs: str) -> list[float]:
        """Our rate against theirs, of each round."""
        return [a.rate / b.rate for a, b in zip(self.passes[ours], self.passes[theirs], strict=True)]

    def rate(self, name: str) -> float:
        """The median of items per second."""
        return statistics.median(each.rate for each in self.passes[name])

    def latency(self, name: str, share: float) -> float:
        """The median over the passes of a percentile."""
        return statistics.median(each.latency(share) for each in self.passes[name])

    def costs(self, name: str) -> str:
        """CPU microseconds per item by process, of the least disturbed pass each."""
        passes = self.passes[name]
        least = {who: min(each.micros(who) for each in passes) for who in passes[0].cpu}
        return ", ".join(f"{who} {micros:.0f}" for who, micros in least.items() if micros >= 1)


async def alternate(
    variants: Mapping[str, Variant[Any]], meter: Meter, *, rounds: int = ROUNDS, warm: bool = True
) -> Runs:
    """Give every variant one pass a round, in turn; a first round warms up and is not counted."""
    passes: dict[str, list[Pass]] = {name: [] for name in variants}
    for number in range(rounds + warm):
        for name, variant in variants.items():
            measured = await _pass(variant, meter)
            if number or not warm:
                passes[name].append(measured)
    return Runs(passes)


async def _pass(variant: Variant[Any], meter: Meter) -> Pass:
    items = await variant.make()
    gc.collect()
    before, started = meter.read(), time.perf_counter()
    done = await variant.run(items)
    seconds = time.perf_counter() - started
    after = meter.read()
    return Pass(done.items, seconds, {who: after[who] - before[who] for who in after}, done.latencies)


async def shared(items: Iterable[T], callers: int, call: Callable[[T], Awaitable[object]]) -> list[float]:
    """Have `callers` at once work through the items. Returns how long each call took, in seconds."""
    queue: Iterator[T] = iter(items)
    latencies: list[float] = []

    async def work() -> None:
        for item in queue:
            started = time.perf_counter()
            await call(item)
            latencies.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(work())
    return latencies


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table. `value` is a ratio unless `unit` says otherwise; `met` is None without a goal."""

    bench: str
    measure: str
    value: float
    low: float
    high: float
    unit: str = "x"
    goal: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(slots=True)
class Report:
    """The figures of one bench as they come. `scale` is how much larger than by default it is to be, where it can."""

    bench: str
    tell: Tell
    scale: float = 1.0
    figures: list[Figure] = field(default_factory=list)

    def ratio(
        self, measure: str, ratios: Sequence[float], *, at_least: float | None = None, note: str = "", unit: str = "x"
    ) -> None:
        """A figure of which more is better: the median over the rounds."""
        value = statistics.median(ratios)
        goal = "" if at_least is None else f"≥ {at_least:g}"
        self._add(measure, value, ratios, unit, goal, None if at_least is None else value >= at_least, note)

    def bound(
        self, measure: str, values: Sequence[float], *, at_most: float | None = None, note: str = "", unit: str = "ms"
    ) -> None:
        """A figure of which less is better."""
        value = statistics.median(values)
        goal = "" if at_most is None else f"≤ {at_most:g}"
        self._add(measure, value, values, unit, goal, None if at_most is None else value <= at_most, note)

    def _add(
        self, measure: str, value: float, values: Sequence[float], unit: str, goal: str, met: bool | None, note: str
    ) -> None:
        figure = Figure(self.bench, measure, value, min(values), max(values), unit, goal, met, note)
        self.figures.append(figure)
        self.tell(f"{self.bench}: {measure}: {value:.3g} {unit} {goal} {note}")
