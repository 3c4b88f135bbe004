"""Saying yes and no in a few words."""

from typing import Any

from bowen.profile.v1 import consent_pb2
from bowen.profile.v1 import consent_service_pb2 as pb

from chassis.ids import new_id
from tests.service.profile.speaking import Profile

GRANTED, DENIED, WITHDRAWN = (
    consent_pb2.CONSENT_STATE_GRANTED,
    consent_pb2.CONSENT_STATE_DENIED,
    consent_pb2.CONSENT_STATE_WITHDRAWN,
)
Reason = pb.CheckConsentResponse


def a_statement(**fields: Any) -> pb.ConsentStatement:
    """A grant of marketing by SMS, seen on a form."""
    told = {"purpose": "marketing", "channel": "sms", "state": GRANTED, "notice_version": "v3", "source": "form"}
    return pb.ConsentStatement(**{**told, **fields})


async def record(profile: Profile, profile_id: str, *said: pb.ConsentStatement) -> list[consent_pb2.Consent]:
    request = pb.RecordConsentsRequest(request_id=str(new_id()), profile_id=profile_id, statements=said)
    return list((await profile.consent_stub.RecordConsents(request)).consents)


async def withdraw(profile: Profile, profile_id: str, **fields: Any) -> list[consent_pb2.Consent]:
    request = pb.WithdrawConsentsRequest(request_id=str(new_id()), profile_id=profile_id, **fields)
    return list((await profile.consent_stub.WithdrawConsents(request)).consents)


async def may(profile: Profile, profile_id: str, **fields: Any) -> tuple[bool, str]:
    """Whether marketing by SMS may be sent, and why."""
    told = {"purpose": "marketing", "channel": "sms", **fields}
    answer = await profile.consent_stub.CheckConsent(pb.CheckConsentRequest(profile_id=profile_id, **told))
    return answer.is_allowed, Reason.Reason.Name(answer.reason).removeprefix("REASON_")


async def holds(profile: Profile, profile_id: str, **fields: Any) -> dict[tuple[str, str], int]:
    """What holds, by purpose and channel, of what is said of every address."""
    found = await profile.consent_stub.ListConsents(pb.ListConsentsRequest(profile_id=profile_id, **fields))
    return {(each.purpose, each.channel): each.state for each in found.consents if not each.address_hash}
