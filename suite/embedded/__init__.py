"""PostgreSQL and NATS from wheels: real servers of this machine's own, on the loopback interface."""

from suite.embedded.nats import NatsServer
from suite.embedded.postgres import Postgres
from suite.embedded.process import (
    DataDirBusy,
    DataDirUnusable,
    PortInUse,
    ServerFailed,
    ServerFault,
    check_port,
    free_port,
)

__all__ = [
    "DataDirBusy",
    "DataDirUnusable",
    "NatsServer",
    "PortInUse",
    "Postgres",
    "ServerFailed",
    "ServerFault",
    "check_port",
    "free_port",
]
