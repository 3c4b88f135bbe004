"""Endpoints and deliveries in the contract's words, and facts as what is posted."""

from datetime import datetime
from uuid import UUID

import msgspec
from bowen.gateway.v1 import webhook_pb2 as pb
from bowen.incentive.v1.events_pb2 import WebhookMatured

from chassis.stamps import moment, stamp
from gateway.webhooks.domain import TEST_TYPE, Attempt, Delivery, Endpoint, Status


def endpoint_to_proto(endpoint: Endpoint, now: datetime) -> pb.WebhookEndpoint:
    """An endpoint, without its secrets."""
    overlap_end, disabled = endpoint.overlap_end_time, endpoint.disable_time
    return pb.WebhookEndpoint(
        endpoint_id=str(endpoint.endpoint_id),
        name=endpoint.name,
        url=endpoint.url,
        create_time=stamp(endpoint.create_time),
        overlap_end_time=stamp(overlap_end) if overlap_end and now < overlap_end else None,
        disable_time=stamp(disabled) if disabled else None,
        recipient=endpoint.recipient,
    )


def delivery_to_proto(delivery: Delivery) -> pb.WebhookDelivery:
    """A delivery."""
    return pb.WebhookDelivery(
        delivery_id=str(delivery.delivery_id),
        endpoint_id=str(delivery.endpoint_id),
        message_id=delivery.message_id,
        type=delivery.type,
        status=pb.WebhookDelivery.Status.ValueType(int(delivery.status)),
        attempt_count=delivery.attempt_count,
        create_time=stamp(delivery.create_time),
        next_attempt_time=stamp(delivery.next_time) if delivery.next_time else None,
        body=delivery.body,
        reason=delivery.reason,
    )


def attempt_to_proto(attempt: Attempt) -> pb.WebhookAttempt:
    """One try."""
    return pb.WebhookAttempt(
        attempt_time=stamp(attempt.time),
        status_code=attempt.status_code,
        error=attempt.fault,
        duration_ms=attempt.duration_ms,
    )


def delivery_of(call: WebhookMatured, delivery_id: UUID, now: datetime, *, is_known: bool) -> Delivery:
    """What is posted for a reward that matured. To an endpoint that is not known nothing is."""
    data = {
        "grant_id": call.grant_id,
        "campaign_id": call.campaign_id,
        "campaign_version": call.campaign_version,
        "profile_id": call.profile_id,
        "cause": call.cause,
        "level": call.level,
        "grant_time": moment(call.grant_time).isoformat(),
        "mature_time": moment(call.mature_time).isoformat(),
    }
    return Delivery(
        delivery_id=delivery_id,
        endpoint_id=UUID(call.endpoint_id),
        message_id=f"msg_{call.grant_id}",
        type=call.type,
        body=_body(call.type, now, data),
        create_time=now,
        next_time=now if is_known else None,
        status=Status.PENDING if is_known else Status.FAILED,
        reason="" if is_known else "ENDPOINT_UNKNOWN",
        profile_id=UUID(call.profile_id),
    )


def test_of(endpoint_id: UUID, delivery_id: UUID, now: datetime) -> Delivery:
    """What is posted to try an endpoint."""
    body = _body(TEST_TYPE, now, {"endpoint_id": str(endpoint_id)})
    return Delivery(delivery_id, endpoint_id, f"msg_{delivery_id}", TEST_TYPE, body, now, now)


def _body(kind: str, now: datetime, data: dict[str, object]) -> str:
    return msgspec.json.encode({"type": kind, "timestamp": now.isoformat(), "data": data}).decode()
