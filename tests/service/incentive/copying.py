"""Audiences beside a real tagging: what it told, handed over as the streams do it or asked for."""

from collections.abc import Sequence
from typing import Any

from bowen.tagging.v1.events_pb2 import SegmentEntered, SegmentLeft
from bowen.wire.v1.envelope_pb2 import EventBatch

from chassis.db import driver
from people.erasures import erased_among
from services.incentive.audiences import consumers
from services.incentive.audiences.clients import Copier
from tests.service.incentive.rewarding import Incentive
from tests.service.tagging.tagging import Tagging

_CLASSES = {"segment.entered": SegmentEntered, "segment.left": SegmentLeft}


def a_copier(incentive: Incentive, tagging: Tagging, **options: Any) -> Copier:
    return Copier(incentive.db, tagging.client, incentive.clock, erased_among, **options)


async def told(tagging: Tagging) -> list[Any]:
    """All that tagging told of segments, in its order."""
    async with tagging.db.read() as tx:
        rows = await (await driver(tx)).fetch("SELECT payload FROM outbox ORDER BY outbox_id")
    events = [event for row in rows for event in EventBatch.FromString(row[0]).events]
    kinds = [(event, _CLASSES.get(event.type.split(".v1.")[1])) for event in events]
    return [kind.FromString(event.payload) for event, kind in kinds if kind]


async def listen(incentive: Incentive, facts: Sequence[Any]) -> None:
    """Audiences are told these facts."""
    for fact in facts:
        handler = consumers.on_segment_left if isinstance(fact, SegmentLeft) else consumers.on_segment_entered
        await incentive.happen(fact, handler=handler)
