"""Whether a person may be told of, and to whom, asked when that is to be sent: spec people §5.1, art. 23 and 47."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from bowen.profile.v1 import consent_service_pb2 as pb

from chassis.caller import Call, acting, service
from chassis.errors import NotFound
from gateway.backends import NAME

Forbids = Callable[[UUID, str], Awaitable[str]]
"""Why a person may not be told of to a recipient, to the brand itself where none is named; empty when they may be."""

RESTRICTED = "RESTRICTED"
"""The person is only stored: nobody is told of them, until they say otherwise."""

_PROCESSING = "processing"


def asking(check: Callable[[pb.CheckConsentRequest], Awaitable[Any]]) -> Forbids:
    """Asks by `CheckConsent`, as the gateway itself."""

    async def forbids(profile_id: UUID, recipient: str) -> str:
        purpose = f"share:{recipient}" if recipient else _PROCESSING
        request = pb.CheckConsentRequest(profile_id=str(profile_id), purpose=purpose)
        try:
            with acting(Call(service(NAME))):
                answer = await check(request)
        except NotFound as refusal:
            return refusal.reason if recipient else ""
        reason = pb.CheckConsentResponse.Reason.Name(answer.reason).removeprefix("REASON_")
        return "" if answer.is_allowed or not (recipient or reason == RESTRICTED) else reason

    return forbids
