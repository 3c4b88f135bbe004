"""What changes in segments by hand. Membership changes in `tags`, where people are judged."""

from datetime import datetime

from chassis.db import Tx
from services.tagging.segments import domain, store
from services.tagging.segments.domain import Segment
from services.tagging.subjects import store as subjects
from services.tagging.taxonomy import store as taxonomy
from services.tagging.taxonomy.errors import TagNotFound


async def create_segment(tx: Tx, *, segment_id: str, name: str, expression: str, now: datetime) -> Segment:
    """Create a segment, and have everybody judged by it."""
    keys = domain.compile_expression(expression).keys
    unknown = sorted(keys - (await taxonomy.find_by_key(tx, keys)).keys())
    if unknown:
        raise TagNotFound(unknown[0])
    segment = Segment(segment_id, name, expression, now)
    await store.save_segment(tx, segment)
    await subjects.start_backfill(tx, segment_id)
    return segment
