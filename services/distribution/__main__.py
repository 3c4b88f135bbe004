"""The distribution service: `python -m services.distribution [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from bowen.distribution.v1.commission_service_pb2_grpc import add_CommissionServiceServicer_to_server
from bowen.distribution.v1.order_service_pb2_grpc import add_OrderServiceServicer_to_server
from bowen.distribution.v1.partner_service_pb2_grpc import add_PartnerServiceServicer_to_server
from bowen.distribution.v1.ripple_service_pb2_grpc import add_RippleServiceServicer_to_server
from bowen.profile.v1.events_pb2 import (
    EventReassigned,
    EventRecorded,
    PersonalDataRequested,
    ProfileErased,
    ProfileMerged,
    ProfileUnmerged,
)

from chassis.command import command
from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.process import Process
from services.distribution.commission import operations as commission
from services.distribution.commission.clients import POST_SECONDS_MAX, Poster
from services.distribution.commission.servicer import CommissionServicer
from services.distribution.orders.clients import Buyers
from services.distribution.orders.consumers import OrderEvents
from services.distribution.orders.operations import Terms
from services.distribution.orders.servicer import OrderServicer
from services.distribution.partners.servicer import PartnerServicer
from services.distribution.privacy.consumers import of_the_living, on_personal_data_requested, on_profile_erased
from services.distribution.ripples import consumers as ripples
from services.distribution.ripples.servicer import RippleServicer
from services.distribution.settings import Settings
from services.distribution.subjects.consumers import on_profile_merged, on_profile_unmerged

MIGRATIONS = Path(__file__).parent / "migrations"


async def assemble(process: Process[Settings]) -> None:
    """Put the capabilities into a process."""
    db, clock, settings = process.db, process.clock, process.settings
    terms = Terms(settings.attribution_window, commission.follow)
    buyers = Buyers(process.client(settings.profile_target))
    process.server.add(add_PartnerServiceServicer_to_server, PartnerServicer(db, clock))
    process.server.add(add_RippleServiceServicer_to_server, RippleServicer(db, clock, settings.public_url))
    process.server.add(add_OrderServiceServicer_to_server, OrderServicer(db, clock, terms=terms, buyers=buyers))
    process.server.add(add_CommissionServiceServicer_to_server, CommissionServicer(db, clock))

    orders = OrderEvents(terms)

    async def on_event_recorded(tx: Tx, batch: Sequence[Delivery[EventRecorded]]) -> None:
        await ripples.on_event_recorded(tx, batch)
        await orders.on_event_recorded(tx, batch)

    async def on_event_reassigned(tx: Tx, batch: Sequence[Delivery[EventReassigned]]) -> None:
        await ripples.on_event_reassigned(tx, batch)
        await orders.on_event_reassigned(tx, batch)

    consumer = process.consumer()
    consumer.on(ProfileMerged, on_profile_merged)
    consumer.on(ProfileUnmerged, on_profile_unmerged)
    consumer.on(EventReassigned, of_the_living(on_event_reassigned))
    consumer.on(ProfileErased, on_profile_erased)
    consumer.on(PersonalDataRequested, on_personal_data_requested)
    consumer.on(EventRecorded, of_the_living(on_event_recorded))
    ledger = process.client(settings.incentive_target, timeout_s=POST_SECONDS_MAX)
    process.background("poster", Poster(db, ledger, clock).run)


def main() -> int:
    """Run the command that the command line names."""
    return command("distribution", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
