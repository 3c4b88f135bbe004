"""Endpoints, deliveries, how they are signed, and when they are tried again."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple
from uuid import UUID

SECRET_PREFIX = "whsec_"  # noqa: S105 (what secrets begin with)
SECRET_BYTES = 32
OVERLAP = timedelta(hours=24)
KEEP = timedelta(days=30)
RESTRICTED_WAIT = timedelta(minutes=15)
"""How long until it is asked again whether a person is still only stored."""

TEST_TYPE = "webhook.test"

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
"""Between one attempt and the next: more than a day in all, as the Standard Webhooks specification advises."""

JITTER = 0.2
"""By how much of itself a delay may be longer, so that an endpoint that comes back is not stormed."""


class Status(IntEnum):
    """Where a delivery stands. The numbers are the contract's."""

    PENDING = 1
    DELIVERED = 2
    FAILED = 3


class Fault(StrEnum):
    """Why there was no answer."""

    TIMED_OUT = "TIMED_OUT"
    UNREACHABLE = "UNREACHABLE"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    TLS_FAILED = "TLS_FAILED"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is posted to. Until `overlap_end_time` bodies are signed with two secrets."""

    endpoint_id: UUID
    name: str
    url: str
    create_time: datetime
    overlap_end_time: datetime | None = None
    disable_time: datetime | None = None
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be posted. `message_id` stays the same over all attempts."""

    delivery_id: UUID
    endpoint_id: UUID
    message_id: str
    type: str
    body: str
    create_time: datetime
    next_time: datetime | None
    status: Status = Status.PENDING
    attempt_count: int = 0
    reason: str = ""
    profile_id: UUID | None = None


class Attempt(NamedTuple):
    """One try: `status_code` is 0 where there was no answer, and then there is a `fault`."""

    time: datetime
    status_code: int
    fault: str
    duration_ms: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver has it."""
        return 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing more."""
        return self.status_code == 410


class Verdict(NamedTuple):
    """Where an attempt left its delivery."""

    status: Status
    next_time: datetime | None


def judge(attempt: Attempt, attempt_count: int, chance: float) -> Verdict:
    """What comes after an attempt, the `attempt_count`-th. `chance` from 0 to 1 spreads the delay."""
    if attempt.is_success:
        return Verdict(Status.DELIVERED, None)
    if attempt.is_gone or attempt_count > len(DELAYS):
        return Verdict(Status.FAILED, None)
    return Verdict(Status.PENDING, attempt.time + DELAYS[attempt_count - 1] * (1 + JITTER * chance))


def new_secret(random: bytes) -> str:
    """A secret of 32 random bytes in the form that receivers' libraries take."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def sign(secrets: Sequence[str], message_id: str, time: datetime, body: bytes) -> dict[str, str]:
    """The headers of a post: its id, when it is sent, and a signature by each secret (Standard Webhooks 1.0)."""
    seconds = str(int(time.timestamp()))
    signed = b".".join((message_id.encode(), seconds.encode(), body))
    signatures = [f"v1,{base64.b64encode(_mac(secret, signed)).decode()}" for secret in secrets]
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}


def _mac(secret: str, signed: bytes) -> bytes:
    return hmac.digest(base64.b64decode(secret.removeprefix(SECRET_PREFIX)), signed, hashlib.sha256)
