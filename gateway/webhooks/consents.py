"""Whether a person may be told of to somebody else, asked when that is to be sent: spec people §5.1, art. 23."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from bowen.profile.v1 import consent_service_pb2 as pb

from chassis.caller import Call, acting, service
from chassis.errors import NotFound
from gateway.backends import NAME

Forbids = Callable[[UUID, str], Awaitable[str]]
"""Why a person may not be told of to a recipient; empty when they may be."""


def asking(check: Callable[[pb.CheckConsentRequest], Awaitable[Any]]) -> Forbids:
    """Asks by `CheckConsent`, as the gateway itself."""

    async def forbids(profile_id: UUID, recipient: str) -> str:
        request = pb.CheckConsentRequest(profile_id=str(profile_id), purpose=f"share:{recipient}")
        try:
            with acting(Call(service(NAME))):
                answer = await check(request)
        except NotFound as refusal:
            return refusal.reason
        return "" if answer.is_allowed else pb.CheckConsentResponse.Reason.Name(answer.reason).removeprefix("REASON_")

    return forbids
