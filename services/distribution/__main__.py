"""The distribution service: `python -m services.distribution [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from pathlib import Path

from bowen.distribution.v1.commission_service_pb2_grpc import add_CommissionServiceServicer_to_server
from bowen.distribution.v1.order_service_pb2_grpc import add_OrderServiceServicer_to_server
from bowen.distribution.v1.partner_service_pb2_grpc import add_PartnerServiceServicer_to_server
from bowen.distribution.v1.ripple_service_pb2_grpc import add_RippleServiceServicer_to_server

from chassis.command import command
from chassis.process import Process
from services.distribution.commission import operations as commission
from services.distribution.commission.clients import POST_SECONDS_MAX, Poster
from services.distribution.commission.servicer import CommissionServicer
from services.distribution.listeners import listen
from services.distribution.orders.clients import Buyers
from services.distribution.orders.operations import Terms
from services.distribution.orders.servicer import OrderServicer
from services.distribution.partners.servicer import PartnerServicer
from services.distribution.ripples.servicer import RippleServicer
from services.distribution.settings import Settings

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

    listen(process.consumer(), terms)
    ledger = process.client(settings.incentive_target, timeout_s=POST_SECONDS_MAX)
    process.background("poster", Poster(db, ledger, clock).run)


def main() -> int:
    """Run the command that the command line names."""
    return command("distribution", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
