"""What profile is answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bowen.distribution.v1 import events_pb2
from bowen.profile.v1 import privacy_pb2
from bowen.profile.v1.events_pb2 import PersonalDataRequested, ProfileErased

from chassis.db import Tx
from chassis.outbox import Fact, append
from chassis.stamps import stamp
from logic.privacy import erasure_proof

SERVICE = "distribution"


async def erasure_confirmed(tx: Tx, erased: ProfileErased, counts: Mapping[str, int], *, now: datetime) -> None:
    """Tell that a person is forgotten, and what that was."""
    erasure = privacy_pb2.Erasure(
        service=SERVICE,
        counts=[privacy_pb2.ErasedCount(kind=kind, count=count) for kind, count in sorted(counts.items())],
        proof_hash=erasure_proof(erased.request_id, SERVICE, counts),
        confirm_time=stamp(now),
    )
    event = events_pb2.ErasureConfirmed(request_id=erased.request_id, profile_id=erased.profile_id, erasure=erasure)
    await append(tx, [Fact(event, now)])


async def personal_data_provided(tx: Tx, asked: PersonalDataRequested, texts: Sequence[str], *, now: datetime) -> None:
    """Tell what is held of a person, part by part."""
    events = [
        events_pb2.PersonalDataProvided(
            request_id=asked.request_id,
            profile_id=asked.profile_id,
            part=privacy_pb2.DataPart(service=SERVICE, number=number, total=len(texts), lines=text),
        )
        for number, text in enumerate(texts)
    ]
    await append(tx, [Fact(event, now) for event in events])
