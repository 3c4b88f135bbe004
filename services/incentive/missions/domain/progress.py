"""How far somebody has come: a fold over what they did, in the order in which it happened.

What was completed and paid stays completed where the mission does not roll back: its occurrence is folded as if nothing
of it had been refunded, and what was refunded is missing from the next (spec value §2.6, CMP-08, CMP-09).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.incentive.budgets.domain import Purse, Want
from services.incentive.missions.domain.facts import Step
from services.incentive.missions.domain.mission import Mission, Recurrence, Window


class Occurrence(NamedTuple):
    """How far somebody has come in one go at a mission."""

    number: int
    start_time: datetime
    end_time: datetime
    progress: int
    complete_time: datetime | None


@dataclass(slots=True)
class _Run:
    """An occurrence while it is folded. `items` tells of each thing that counts once whether it still stands.

    `missing` is what was refunded of an occurrence that is kept, `inherited` what was missing before it already.
    """

    window: Window
    keeps: bool
    offset: int = 0
    missing: int = 0
    inherited: int = 0
    items: dict[str, bool] = field(default_factory=dict)
    complete_time: datetime | None = None

    def take(self, step: Step, *, once: bool) -> None:
        counts = step.value if self.keeps else step.standing
        if not once:
            self.offset += counts
            self.missing += step.value - step.standing if self.keeps else 0
        elif counts:
            self.items[step.item] = self.items.get(step.item, False) or step.standing > 0

    def succeed(self, last: "_Run") -> None:
        """Begin where the last one ended: what is missing from it is made up for by the first that is not kept."""
        missing = last.inherited + last.deficit
        self.inherited, self.offset = (missing, 0) if self.keeps else (0, -missing)

    @property
    def progress(self) -> int:
        return self.offset + len(self.items)

    @property
    def deficit(self) -> int:
        """What a kept occurrence lost after it was completed."""
        return self.missing + sum(not stands for stands in self.items.values())


def fold(mission: Mission, steps: Iterable[Step], kept: Collection[int] = ()) -> list[Occurrence]:
    """The occurrences of one person, by number. Those of `kept` numbers stay completed whatever was refunded."""
    runs: list[_Run] = []
    for step in sorted(steps, key=lambda each: (each.time, each.fact_id, each.part)):
        run = _run_at(mission, step.time, runs, kept)
        if run is None:
            continue
        run.take(step, once=mission.metric.counts_different)
        _complete(mission, step.time, runs, kept)
    return [_occurrence(run) for run in runs]


def _run_at(mission: Mission, moment: datetime, runs: list[_Run], kept: Collection[int]) -> _Run | None:
    """The occurrence that something done now is for; a new one where the last is over."""
    last = runs[-1] if runs else None
    is_done = last is not None and last.complete_time is not None and mission.recurrence is Recurrence.ON_COMPLETION
    if last is not None and moment < last.window.end and not is_done:
        return last
    window = mission.window(moment, last.window if last else None)
    if window is None:
        return None
    run = _Run(window, window.number in kept)
    if is_done and last is not None:
        run.succeed(last)
    runs.append(run)
    return run


def _complete(mission: Mission, moment: datetime, runs: list[_Run], kept: Collection[int]) -> None:
    """Note that the target is reached; where the next begins at once, hand on what is beyond it."""
    run = runs[-1]
    while run.progress >= mission.target:
        run.complete_time = run.complete_time or moment
        beyond = run.progress - mission.target
        if mission.recurrence is not Recurrence.ON_COMPLETION or not beyond:
            return
        run.offset -= beyond
        following = _run_at(mission, moment, runs, kept)
        if following is None:
            return
        following.offset += beyond
        run = following


def _occurrence(run: _Run) -> Occurrence:
    progress = run.progress - (run.deficit if run.keeps else 0)
    return Occurrence(run.window.number, run.window.start, run.window.end, progress, run.complete_time)


class CompletionState(StrEnum):
    """What became of a completed occurrence."""

    REWARDED = "rewarded"
    UNPAID = "unpaid"
    REVERSED = "reversed"


class Completion(NamedTuple):
    """A completed occurrence that was settled, under the profile that stood for the person then.

    `round` counts how often it was: what was reversed and is completed again is paid again.
    """

    profile_id: str
    number: int
    round: int
    state: CompletionState
    complete_time: datetime


class Verdict(NamedTuple):
    """What became of an occurrence of the person whom `profile_id` stands for, and what is paid for it.

    `amount` is below zero for what is taken back, 0 where nothing moves.
    """

    mission: Mission
    profile_id: str
    completion: Completion
    amount: int

    @property
    def transfer_id(self) -> str:
        """The payment's."""
        profile_id, number, count = self.completion[:3]
        return f"mission/{self.mission.mission_id}/{profile_id}/{number}/{count}"


class Gain(NamedTuple):
    """An occurrence that was completed; `before` is how it was settled when it was completed earlier and lost."""

    mission: Mission
    profile_id: str
    occurrence: Occurrence
    before: Completion | None

    @property
    def want(self) -> Want:
        """What it asks of the budget."""
        return Want(self.mission.budget_id, self.mission.amount)

    def verdict(self, purse: Purse) -> Verdict:
        """The budget pays in full or not at all."""
        is_paid = purse.reserve(self.want)
        completion = Completion(
            self.before.profile_id if self.before else self.profile_id,
            self.occurrence.number,
            self.before.round + 1 if self.before else 1,
            CompletionState.REWARDED if is_paid else CompletionState.UNPAID,
            self.occurrence.complete_time or self.occurrence.start_time,
        )
        return Verdict(self.mission, self.profile_id, completion, self.mission.amount if is_paid else 0)


class Loss(NamedTuple):
    """A settled occurrence that is completed no longer."""

    mission: Mission
    profile_id: str
    completion: Completion

    def verdict(self, purse: Purse) -> Verdict:
        """What was paid is taken back, and the budget has it again."""
        amount = self.mission.amount if self.completion.state is CompletionState.REWARDED else 0
        if amount:
            purse.release(Want(self.mission.budget_id, amount))
        return Verdict(self.mission, self.profile_id, self.completion._replace(state=CompletionState.REVERSED), -amount)


class Standing(NamedTuple):
    """Where somebody stands in an occurrence. Of one that refunds took wholly only the completion is left."""

    number: int
    occurrence: Occurrence | None
    completion: Completion | None

    @property
    def is_settled(self) -> bool:
        """Whether it was completed when it was last looked at."""
        return self.completion is not None and self.completion.state is not CompletionState.REVERSED

    @property
    def is_complete(self) -> bool:
        """Whether it is completed."""
        return self.occurrence is not None and self.occurrence.complete_time is not None


def standings(mission: Mission, steps: Iterable[Step], completions: Iterable[Completion]) -> list[Standing]:
    """Where a person stands, by number. What was paid stays completed where the mission does not roll back."""
    settled = settled_of(completions)
    kept = {number for number, each in settled.items() if each.state is not CompletionState.REVERSED}
    occurrences = {each.number: each for each in fold(mission, steps, () if mission.rollback else kept)}
    numbers = sorted(occurrences.keys() | settled.keys())
    return [Standing(number, occurrences.get(number), settled.get(number)) for number in numbers]


def changes(
    mission: Mission, profile_id: str, steps: Iterable[Step], completions: Iterable[Completion]
) -> list[Gain | Loss]:
    """How what a person has completed by now differs from what was settled. `profile_id` stands for the person."""
    found: list[Gain | Loss] = []
    for each in standings(mission, steps, completions):
        if each.occurrence and each.is_complete and not each.is_settled:
            found.append(Gain(mission, profile_id, each.occurrence, each.completion))
        elif each.completion and each.is_settled and not each.is_complete and mission.rollback:
            found.append(Loss(mission, profile_id, each.completion))
    return found


def settled_of(completions: Iterable[Completion]) -> dict[int, Completion]:
    """What a person has completed under any of their ids. Where both sides of a merge did, both stay as they are."""
    settled: dict[int, Completion] = {}
    for each in sorted(completions):
        known = settled.get(each.number)
        if known is None or known.state is CompletionState.REVERSED:
            settled[each.number] = each
    return settled
