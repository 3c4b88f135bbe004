"""What others are told about people."""

from collections.abc import Sequence
from datetime import datetime

from bowen.profile.v1 import events_pb2, profile_pb2

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from services.profile.attributes import domain as attributes
from services.profile.identity.domain import Merge


async def profile_merged(tx: Tx, merges: Sequence[tuple[Merge, attributes.Union]], *, now: datetime) -> None:
    """Tell which people turned out to be one, and what is known of the one that lives on."""
    await append(tx, [Fact(_profile_merged(merge, union, now), now) for merge, union in merges])


def _profile_merged(merge: Merge, union: attributes.Union, now: datetime) -> events_pb2.ProfileMerged:
    return events_pb2.ProfileMerged(
        merge_id=str(merge.merge_id),
        survivor_id=str(merge.survivor.profile_id),
        loser_id=str(merge.loser.profile_id),
        attributes=attributes.public(union.after.facts),
        version=union.after.version,
        identifiers=[
            profile_pb2.Identifier(
                type=claim.kind.name, namespace=claim.namespace, value=claim.value, verified=claim.verified
            )
            for claim in merge.claims
        ],
        merge_time=stamp(now),
    )
