"""Views over several components, put together at the edge."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from bowen.gateway.v1 import view_service_pb2 as pb
from bowen.profile.v1 import profile_service_pb2

from chassis.errors import Refusal
from gateway.backends import Backends
from gateway.derive.contract import Contract, message_class

log = structlog.get_logger()

PARTS = {
    "tags": ("ListProfileTags", {}),
    "segments": ("ListProfileSegments", {}),
    "balances": ("GetProfileBalances", {}),
    "tiers": ("ListProfileTiers", {}),
    "consents": ("ListConsents", {}),
    "memberships": ("ListProfileGroups", {}),
    "coupons": ("ListProfileCoupons", {"page_size": 20}),
    "orders": ("ListProfileOrders", {"page_size": 10}),
    "events": ("ListProfileEvents", {"page_size": 20}),
}
"""What the view holds, the method that answers it, and how much of it is asked for."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the view: its field in the view and in the answer, and how to ask for it."""

    name: str
    ask: Callable[[str], Awaitable[Any]]


class ViewServicer:
    """Everything about a person in one call. Each part is asked as the caller: who may not see it does not get it."""

    def __init__(self, contract: Contract, backends: Backends, *, part_s: float) -> None:
        self._profile: Any = backends.backend(contract.route("GetProfile"))
        self._parts = tuple(
            _part(name, contract, backends, method, page, part_s) for name, (method, page) in PARTS.items()
        )

    async def GetProfileView(  # noqa: N802 (gRPC names the methods)
        self, request: pb.GetProfileViewRequest, _context: Any = None
    ) -> pb.GetProfileViewResponse:
        """Ask for all parts at once. The profile is needed; what else is refused or late is named in `degraded`."""
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(_content(part, request.profile_id)) for part in self._parts]
            answer = await _needed(self._profile, request.profile_id)
            if isinstance(answer, Refusal):
                for task in parts:
                    task.cancel()
        if isinstance(answer, Refusal):
            raise answer
        view = pb.GetProfileViewResponse(profile=answer.profile)
        for part, task in zip(self._parts, parts, strict=True):
            content = task.result()
            if content is None:
                view.degraded.append(part.name)
            else:
                getattr(view, part.name).extend(getattr(content, part.name))
        return view


def _part(name: str, contract: Contract, backends: Backends, method: str, page: dict[str, int], part_s: float) -> _Part:
    route = contract.route(method)
    call: Any = backends.backend(route)
    request = message_class(route.input)
    return _Part(name, lambda profile_id: call(request(profile_id=profile_id, **page), timeout=part_s))


async def _needed(call: Any, profile_id: str) -> Any:
    try:
        return await call(profile_service_pb2.GetProfileRequest(profile_id=profile_id))
    except Refusal as refusal:
        return refusal


async def _content(part: _Part, profile_id: str) -> Any:
    try:
        return await part.ask(profile_id)
    except Refusal as refusal:
        log.info("a part of a view is missing", part=part.name, reason=refusal.reason, detail=refusal.message)
        return None
