"""The profile service: `python -m services.profile [serve|migrate|dead-letters|replay EVENT_ID]`."""

import sys
from pathlib import Path

from bowen.profile.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from bowen.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server

from chassis.command import command
from chassis.process import Process
from services.profile.identity.servicer import ProfileServicer
from services.profile.ingest import operations
from services.profile.ingest.servicer import IngestServicer
from services.profile.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
FORGET_EVERY_S = 600.0


async def assemble(process: Process[Settings]) -> None:
    """Put the service together."""
    ingest = IngestServicer(process.db, process.clock)
    process.resources.push_async_callback(ingest.close)
    process.server.add(add_IngestServiceServicer_to_server, ingest)
    process.server.add(add_ProfileServiceServicer_to_server, ProfileServicer(process.db, process.clock))
    process.every(FORGET_EVERY_S, "forget messages", lambda: operations.forget_messages(process.db, process.clock))


def main() -> int:
    """Run the command that the command line names."""
    return command("profile", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
