"""The components behind the gateway: one channel each, called by method name."""

from collections.abc import Mapping
from typing import Any

import grpc

from chassis.client import Client, Retry
from chassis.clock import Clock
from chassis.errors import Unavailable
from gateway.derive.contract import Route, message_class
from gateway.derived import Backend

NAME = "gateway"


class Backends:
    """Channels to components by name. They connect when they are first needed."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        self.clients = clients

    @classmethod
    def connect(
        cls, targets: Mapping[str, str], *, clock: Clock, timeout_s: float, retry: Retry | None = None
    ) -> "Backends":
        """Channels to targets by component. They pass on who calls the gateway."""
        return cls(
            {
                component: Client.connect(
                    target, name=NAME, timeout_s=timeout_s, retry=retry, forward_caller=True, clock=clock
                )
                for component, target in targets.items()
            }
        )

    def backend(self, route: Route) -> Backend:
        """What answers a route."""
        call: Backend = self.clients[route.component].unary_unary(
            route.path,
            request_serializer=message_class(route.input).SerializeToString,
            response_deserializer=message_class(route.output).FromString,
        )
        return call

    async def check(self) -> None:
        """Raises `Unavailable` when no component at all can be reached."""
        states = [client.get_state(try_to_connect=True) for client in self.clients.values()]
        lost = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)
        if states and all(state in lost for state in states):
            raise Unavailable("no component can be reached")

    async def close(self) -> None:
        """Close all channels."""
        for client in self.clients.values():
            await client.close()


Servicers = Mapping[str, Any]
"""Servicers of the gateway's own, by the full name of their service."""
