"""The tagging service: `python -m services.tagging [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from pathlib import Path

from bowen.distribution.v1.events_pb2 import OrderPaid, OrderRefunded
from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed
from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    PersonalDataRequested,
    ProcessingChanged,
    ProfileErased,
    ProfileMerged,
    ProfileUnmerged,
    ProfileUpdated,
)
from bowen.tagging.v1.rule_service_pb2_grpc import add_RuleServiceServicer_to_server
from bowen.tagging.v1.segment_service_pb2_grpc import add_SegmentServiceServicer_to_server
from bowen.tagging.v1.tag_service_pb2_grpc import add_TagServiceServicer_to_server
from bowen.tagging.v1.taxonomy_service_pb2_grpc import add_TaxonomyServiceServicer_to_server

from chassis.command import command
from chassis.process import Process
from people.privacy import of_the_living
from services.tagging.privacy.consumers import on_personal_data_requested, on_profile_erased
from services.tagging.rules.servicer import RuleServicer
from services.tagging.segments.servicer import SegmentServicer
from services.tagging.settings import Settings
from services.tagging.tags import consumers, operations
from services.tagging.tags.servicer import TagServicer
from services.tagging.taxonomy.servicer import TaxonomyServicer

MIGRATIONS = Path(__file__).parent / "migrations"
BACKFILL_EVERY_S = 0.2
DUE_EVERY_S = 1.0


async def assemble(process: Process[Settings]) -> None:
    """Put the service together."""
    db, clock, server = process.db, process.clock, process.server
    server.add(add_TaxonomyServiceServicer_to_server, TaxonomyServicer(db, clock))
    server.add(add_SegmentServiceServicer_to_server, SegmentServicer(db, clock))
    server.add(add_RuleServiceServicer_to_server, RuleServicer(db, clock))
    server.add(add_TagServiceServicer_to_server, TagServicer(db, clock))

    consumer = process.consumer()
    consumer.on(ProfileErased, on_profile_erased)
    consumer.on(PersonalDataRequested, on_personal_data_requested)
    consumer.on(EventRecorded, of_the_living(consumers.on_event_recorded))
    consumer.on(ProcessingChanged, of_the_living(consumers.on_processing_changed))
    consumer.on(ProfileUpdated, of_the_living(consumers.on_profile_updated))
    consumer.on(ProfileMerged, of_the_living(consumers.on_profile_merged, "loser_id", "survivor_id"))
    consumer.on(ProfileUnmerged, of_the_living(consumers.on_profile_unmerged, "restored_id", "remaining_id"))
    consumer.on(EventReassigned, of_the_living(consumers.on_event_reassigned))
    consumer.on(OrderPaid, of_the_living(consumers.on_order_paid))
    consumer.on(OrderRefunded, of_the_living(consumers.on_order_refunded))
    consumer.on(RewardGranted, consumers.on_reward_granted)
    consumer.on(RewardReversed, consumers.on_reward_reversed)

    async def backfill() -> None:
        while await db.transact(lambda tx: operations.backfill(tx, clock.now())):
            pass

    async def judge_due() -> None:
        while await operations.judge_due(db, clock.now()) == operations.CHUNK:
            pass

    process.every(BACKFILL_EVERY_S, "backfill", backfill)
    process.every(DUE_EVERY_S, "judge who is due", judge_due)


def main() -> int:
    """Run the command that the command line names."""
    return command("tagging", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
