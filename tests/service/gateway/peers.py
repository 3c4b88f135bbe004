"""The other ends of the wire: components that answer the contract from memory and remember who asked.

They stand in for the gateway's neighbours, which have tests of their own; what is tested here ends at the wire.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bowen.distribution.v1 import order_service_pb2 as orders
from bowen.distribution.v1 import order_service_pb2_grpc, ripple_service_pb2_grpc
from bowen.distribution.v1 import ripple_service_pb2 as ripples
from bowen.incentive.v1 import ledger_service_pb2 as ledger
from bowen.incentive.v1 import ledger_service_pb2_grpc
from bowen.profile.v1 import consent_service_pb2 as consents
from bowen.profile.v1 import consent_service_pb2_grpc, ingest_service_pb2_grpc, profile_service_pb2_grpc
from bowen.profile.v1 import ingest_service_pb2 as ingest
from bowen.profile.v1 import profile_service_pb2 as profiles

from chassis import errors
from chassis.caller import Call, current
from chassis.server import Server

LINK = "A" * 22


class ProfileNotFound(errors.NotFound):
    """As profile says it."""

    reason = "PROFILE_NOT_FOUND"


@dataclass
class Components:
    """What the gateway calls. `failure` makes a method fail; `release` holds up the ones in `slow`."""

    target: str = ""
    stop: Callable[[], Awaitable[None]] = field(default=asyncio.sleep, repr=False)  # type: ignore[assignment]
    calls: list[tuple[str, Any, Call]] = field(default_factory=list)
    failure: dict[str, Callable[[], Exception]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    links: dict[str, str] = field(default_factory=lambda: {LINK: "https://mall.example/p/1?colour=red#top"})
    agreed: set[tuple[str, str]] = field(default_factory=set)
    restricted: set[str] = field(default_factory=set)
    placed: dict[str, str] = field(default_factory=dict)

    def add_to(self, server: Server) -> None:
        server.add(ingest_service_pb2_grpc.add_IngestServiceServicer_to_server, self)
        server.add(consent_service_pb2_grpc.add_ConsentServiceServicer_to_server, self)
        server.add(profile_service_pb2_grpc.add_ProfileServiceServicer_to_server, self)
        server.add(ripple_service_pb2_grpc.add_RippleServiceServicer_to_server, self)
        server.add(order_service_pb2_grpc.add_OrderServiceServicer_to_server, self)
        server.add(ledger_service_pb2_grpc.add_LedgerServiceServicer_to_server, self)

    def __getattr__(self, name: str) -> Any:
        if not name[0].isupper():
            raise AttributeError(name)

        async def unimplemented(_request: Any, _context: Any) -> Any:
            raise errors.Unavailable("this component does not answer that")

        return unimplemented

    def asked(self, method: str) -> list[Any]:
        return [request for name, request, _ in self.calls if name == method]

    def callers(self, method: str) -> list[Any]:
        return [call.caller for name, _, call in self.calls if name == method]

    async def _arrive(self, method: str, request: Any) -> None:
        self.calls.append((method, request, current()))
        if method in self.slow:
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        if method in self.failure:
            raise self.failure[method]()

    async def Ingest(self, request: Any, _context: Any) -> Any:
        await self._arrive("Ingest", request)
        return ingest.IngestResponse(outcomes=[_outcome(event) for event in request.events])

    async def GetProfile(self, request: Any, _context: Any) -> Any:
        await self._arrive("GetProfile", request)
        if request.profile_id.endswith("f"):
            raise ProfileNotFound("no profile has this id", profile_id=request.profile_id)
        response = profiles.GetProfileResponse()
        response.profile.profile_id = request.profile_id
        response.profile.state = "STATE_ACTIVE"
        response.profile.attributes = '{"city": "杭州", "n": 1.5}'
        return response

    async def CheckConsent(self, request: Any, _context: Any) -> Any:
        await self._arrive("CheckConsent", request)
        if request.profile_id in self.restricted:
            return consents.CheckConsentResponse(reason="REASON_RESTRICTED")
        is_allowed = (request.profile_id, request.purpose) in self.agreed
        reason = "REASON_CONSENT_GRANTED" if is_allowed else "REASON_CONSENT_MISSING"
        return consents.CheckConsentResponse(is_allowed=is_allowed, reason=reason)

    async def ListProfileEvents(self, request: Any, _context: Any) -> Any:
        await self._arrive("ListProfileEvents", request)
        return profiles.ListProfileEventsResponse()

    async def GetProfileBalances(self, request: Any, _context: Any) -> Any:
        await self._arrive("GetProfileBalances", request)
        return ledger.GetProfileBalancesResponse(
            balances=[ledger.ProfileBalance(asset="points", available=2**53 - 1, held=2**53)]
        )

    async def PostTransfers(self, request: Any, _context: Any) -> Any:
        await self._arrive("PostTransfers", request)
        return ledger.PostTransfersResponse()

    async def ListProfileOrders(self, request: Any, _context: Any) -> Any:
        await self._arrive("ListProfileOrders", request)
        return orders.ListProfileOrdersResponse()

    async def PlaceOrder(self, request: Any, _context: Any) -> Any:
        await self._arrive("PlaceOrder", request)
        response = orders.PlaceOrderResponse()
        response.order.order_number = request.order_number
        current().replayed = request.request_id in self.placed
        self.placed[request.request_id] = request.order_number
        return response

    async def GetShareLink(self, request: Any, _context: Any) -> Any:
        await self._arrive("GetShareLink", request)
        if request.token not in self.links:
            raise errors.NotFound("no link has this token")
        response = ripples.GetShareLinkResponse()
        response.share_link.target_url = self.links[request.token]
        return response

    async def CreateShareLink(self, request: Any, _context: Any) -> Any:
        await self._arrive("CreateShareLink", request)
        return ripples.CreateShareLinkResponse()

    async def RecordTouches(self, request: Any, _context: Any) -> Any:
        await self._arrive("RecordTouches", request)
        return ripples.RecordTouchesResponse(
            outcomes=[
                ripples.RecordTouchOutcome(touch_id=touch.touch_id, result="RESULT_COUNTED")
                for touch in request.touches
            ]
        )


def _outcome(event: Any) -> Any:
    """Profile's rules as far as the answers on the wire depend on them."""
    result = ingest.IngestOutcome(message_id=event.message_id, result="RESULT_ACCEPTED")
    if not (event.user_id or event.anonymous_id or event.identifiers):
        result = ingest.IngestOutcome(result="RESULT_REJECTED", reason="IDENTIFIER_MISSING", detail="nobody is named")
    elif event.message_id.startswith("again"):
        result = ingest.IngestOutcome(message_id=event.message_id, result="RESULT_DUPLICATE")
    return result
