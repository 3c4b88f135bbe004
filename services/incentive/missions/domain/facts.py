"""What people did, as far as missions count it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from logic.comparisons import MISSING, look_up
from logic.conditions import compile_condition
from services.incentive.missions.domain.mission import Measure, Mission

_OF_ORDERS = [measure for measure in Measure if measure.is_of_orders]

Facts = Callable[[], Mapping[str, Any]]


class Deed(NamedTuple):
    """A named event. `facts` tells what conditions may ask."""

    fact_id: UUID
    name: str
    profile_id: str
    time: datetime
    facts: Facts


class Line(NamedTuple):
    """A line of an order; amounts in minor units."""

    line_no: int
    sku: str
    quantity: int
    net_minor: int
    refunded_minor: int

    @property
    def pieces_refunded(self) -> int:
        """Pieces in proportion to the refunded amount, rounded down; all of them once all is refunded."""
        if self.refunded_minor >= self.net_minor > 0:
            return self.quantity
        return self.quantity * self.refunded_minor // self.net_minor if self.net_minor else 0


class Purchase(NamedTuple):
    """An order as it stands: paid, perhaps refunded since."""

    fact_id: UUID
    profile_id: str
    time: datetime
    lines: tuple[Line, ...]
    facts: Facts

    @property
    def net_minor(self) -> int:
        """What was paid for the goods."""
        return sum(line.net_minor for line in self.lines)

    @property
    def refunded_minor(self) -> int:
        """What of it was refunded."""
        return sum(line.refunded_minor for line in self.lines)


class Push(NamedTuple):
    """Progress that a campaign gave, `value` in all, or took back, `withdrawn` in all; whichever is told first."""

    fact_id: UUID
    mission_id: UUID
    profile_id: str
    time: datetime
    value: int
    withdrawn: int = 0


class Step(NamedTuple):
    """What a fact counts in a mission: `value`, of which `withdrawn` was refunded. `item` is what counts once only."""

    mission_id: UUID
    fact_id: UUID
    part: int
    profile_id: str
    item: str
    value: int
    withdrawn: int
    time: datetime

    @property
    def standing(self) -> int:
        """What still counts."""
        return self.value - self.withdrawn


class Part(NamedTuple):
    """A part of a fact that counts."""

    part: int
    item: str
    value: int
    withdrawn: int


def steps_of(missions: Iterable[Mission], deeds: Iterable[Deed | Purchase]) -> list[Step]:
    """What each deed counts in each mission that it is for, by the time at which it was done."""
    by_what: dict[str, list[Mission]] = {}
    for mission in missions:
        by_what.setdefault(mission.metric.event_name, []).append(mission)
    return [
        Step(
            mission.mission_id,
            deed.fact_id,
            part.part,
            deed.profile_id,
            part.item,
            part.value,
            part.withdrawn,
            deed.time,
        )
        for deed in deeds
        for mission in by_what.get(deed.name if isinstance(deed, Deed) else "", ())
        if _counts(mission, deed)
        for part in _parts(mission, deed)
    ]


def pushed(missions: Mapping[UUID, Mission], pushes: Iterable[Push]) -> list[Step]:
    """What campaigns count in missions that count at that time. A push is one step, however often it is told."""
    steps: dict[UUID, Step] = {}
    for push in pushes:
        mission = missions.get(push.mission_id)
        if mission is None or not mission.takes_progress or not mission.start_time <= push.time < mission.end_time:
            continue
        known = steps.get(push.fact_id)
        value, withdrawn = (max(known.value, push.value), max(known.withdrawn, push.withdrawn)) if known else push[4:]
        steps[push.fact_id] = Step(push.mission_id, push.fact_id, 0, push.profile_id, "", value, withdrawn, push.time)
    return list(steps.values())


def withdrawals_of(purchases: Iterable[Purchase]) -> list[tuple[UUID, Measure, int, int]]:
    """The most that refunds took of each part, by what it counts as: order, measure, part, withdrawn."""
    most: dict[tuple[UUID, Measure, int], int] = {}
    for purchase in purchases:
        for measure in _OF_ORDERS:
            for part in _order_parts(measure, purchase):
                key = purchase.fact_id, measure, part.part
                most[key] = max(most.get(key, 0), part.withdrawn)
    return [(*key, withdrawn) for key, withdrawn in most.items() if withdrawn]


def _counts(mission: Mission, deed: Deed | Purchase) -> bool:
    if not mission.start_time <= deed.time < mission.end_time:
        return False
    return not mission.when or compile_condition(mission.when)(deed.facts())


def _parts(mission: Mission, deed: Deed | Purchase) -> Iterator[Part]:
    if isinstance(deed, Purchase):
        yield from _order_parts(mission.metric.measure, deed)
    elif not mission.metric.distinct:
        yield Part(0, "", 1, 0)
    else:
        item = look_up(deed.facts(), ("properties", *mission.metric.distinct.split(".")))
        if item is not MISSING:
            yield Part(0, str(item), 1, 0)


def _order_parts(measure: Measure, purchase: Purchase) -> Iterator[Part]:
    match measure:
        case Measure.ORDERS:
            yield Part(0, "", 1, int(purchase.refunded_minor >= purchase.net_minor > 0))
        case Measure.NET_MINOR:
            yield Part(0, "", purchase.net_minor, purchase.refunded_minor)
        case Measure.PIECES:
            for line in purchase.lines:
                yield Part(line.line_no, "", line.quantity, line.pieces_refunded)
        case Measure.PRODUCTS:
            for line in purchase.lines:
                yield Part(line.line_no, line.sku, 1, int(line.refunded_minor >= line.net_minor > 0))
