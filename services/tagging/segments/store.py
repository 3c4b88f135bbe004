"""Every statement on segments and their members."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver, violated
from services.tagging.segments.domain import Entry, Member, Membership, ProfileSegment, Segment
from services.tagging.segments.errors import SegmentNameExists, SegmentNotFound

_SEGMENT = """
SELECT segment_id::text, name, expression, create_time,
       (SELECT count(*) FROM segment_member AS member WHERE member.segment_id = segment.segment_id)
FROM segment
"""

_EXISTS = "SELECT EXISTS (SELECT FROM segment WHERE segment_id = $1)"

_DEFINITIONS = "SELECT segment_id::text, name, expression, create_time FROM segment ORDER BY segment_id"

_INSERT = "INSERT INTO segment (segment_id, name, expression, create_time) VALUES ($1, $2, $3, $4)"

_MEMBERS = """
SELECT profile_id::text, enter_time FROM segment_member
WHERE segment_id = $1 AND profile_id > $2::uuid ORDER BY profile_id LIMIT $3
"""

# An entry stays with the profile that it was told of: the first that a merge noted with it, or who is in the segment
# by it.
_ENTRIES = """
SELECT DISTINCT ON (entry_id) entry_id::text, profile_id::text, enter_time FROM (
    (SELECT DISTINCT ON (entry_id) entry_id, profile_id, enter_time, 1 AS choice FROM merged_stay
     WHERE segment_id = $1 AND entry_id > $2::uuid ORDER BY entry_id, merge_id LIMIT $3)
    UNION ALL
    (SELECT entry_id, profile_id, enter_time, 2 FROM segment_member
     WHERE segment_id = $1 AND entry_id > $2::uuid ORDER BY entry_id LIMIT $3)
) AS told ORDER BY entry_id, choice LIMIT $3
"""

_OF_PROFILE = """
SELECT segment_id::text, name, enter_time FROM segment_member JOIN segment USING (segment_id)
WHERE profile_id = $1 ORDER BY name
"""

_OF_PROFILES = """
SELECT profile_id::text, segment_id::text, entry_id::text, enter_time FROM segment_member
WHERE profile_id = ANY($1::uuid[])
"""

_ENTER = """
INSERT INTO segment_member (segment_id, profile_id, entry_id, enter_time)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
"""

_LEAVE = """
DELETE FROM segment_member WHERE (profile_id, segment_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
"""


Stay = tuple[str, str, Membership]
"""Profile, segment, and the stay there."""


async def get_segment(tx: ReadTx, segment_id: str) -> Segment:
    """A segment with its live count. Raises `SegmentNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_SEGMENT} WHERE segment_id = $1", segment_id)
    if row is None:
        raise SegmentNotFound(segment_id)
    return Segment(*row)


async def check_segment(tx: ReadTx, segment_id: str) -> None:
    """Raises `SegmentNotFound`."""
    if not await (await driver(tx)).fetchval(_EXISTS, segment_id):
        raise SegmentNotFound(segment_id)


async def list_segments(tx: ReadTx, *, after: UUID, limit: int) -> list[Segment]:
    """Segments after an id with their live counts, oldest first."""
    query = f"{_SEGMENT} WHERE segment_id > $1::uuid ORDER BY segment_id LIMIT $2"
    return [Segment(*row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def list_definitions(tx: ReadTx) -> list[Segment]:
    """All segments, without counts."""
    return [Segment(*row) for row in await (await driver(tx)).fetch(_DEFINITIONS)]


async def save_segment(tx: Tx, segment: Segment) -> None:
    """Insert a segment. Raises `SegmentNameExists`."""
    try:
        await (await driver(tx)).execute(
            _INSERT, segment.segment_id, segment.name, segment.expression, segment.create_time
        )
    except Exception as error:
        if violated(error) == "segment_name_key":
            raise SegmentNameExists(segment.name) from error
        raise


async def list_members(tx: ReadTx, segment_id: str, *, after: UUID, limit: int) -> list[Member]:
    """Members of a segment after a profile id, by profile id."""
    return [Member(*row) for row in await (await driver(tx)).fetch(_MEMBERS, segment_id, after, limit)]


async def list_entries(tx: ReadTx, segment_id: str, *, after: str, limit: int) -> list[Entry]:
    """Entries into a segment that have not ended, after an id, by id."""
    return [Entry(*row) for row in await (await driver(tx)).fetch(_ENTRIES, segment_id, after, limit)]


async def list_of_profile(tx: ReadTx, profile_id: str) -> list[ProfileSegment]:
    """The segments a person is in, by name."""
    return [ProfileSegment(*row) for row in await (await driver(tx)).fetch(_OF_PROFILE, profile_id)]


async def find_memberships(tx: ReadTx, profile_ids: Sequence[str]) -> dict[str, dict[str, Membership]]:
    """Per person, the stays by segment."""
    found: dict[str, dict[str, Membership]] = {profile_id: {} for profile_id in profile_ids}
    for profile_id, segment_id, entry_id, enter_time in await (await driver(tx)).fetch(_OF_PROFILES, profile_ids):
        found[profile_id][segment_id] = Membership(entry_id, enter_time)
    return found


async def save_stays(tx: Tx, *, ended: Sequence[Stay], begun: Sequence[Stay]) -> None:
    """End stays and begin others, one statement each."""
    connection = await driver(tx)
    if ended:
        await connection.execute(_LEAVE, [stay[0] for stay in ended], [stay[1] for stay in ended])
    if begun:
        await connection.execute(
            _ENTER,
            [segment_id for _, segment_id, _ in begun],
            [profile_id for profile_id, _, _ in begun],
            [stay.entry_id for _, _, stay in begun],
            [stay.enter_time for _, _, stay in begun],
        )
