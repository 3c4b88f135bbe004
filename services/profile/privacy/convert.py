"""Requests, bundles and looks between the contract and the domain."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from bowen.profile.v1 import privacy_pb2, privacy_service_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.profile.attributes.domain import Known
from services.profile.attributes.domain.rules import Fact
from services.profile.consent import convert as consent_convert
from services.profile.consent.domain import Entry
from services.profile.groups import convert as groups_convert
from services.profile.groups.domain import Membership
from services.profile.identity import convert as identity_convert
from services.profile.identity.domain import MergeRecord, MoveRecord
from services.profile.identity.store import Reading
from services.profile.looks.domain import Look
from services.profile.privacy import domain
from services.profile.privacy.domain import Order, Part, Request, Retention, Step, Type
from services.profile.timeline import convert as timeline_convert
from services.profile.timeline.domain import Event

_EMBEDDED = frozenset({"attributes", "properties", "context"})


def order_from_proto(request: privacy_service_pb2.CreatePrivacyRequestRequest, actor: str) -> Order:
    """What is asked for. Raises `InvalidArgument` for what does not fit together."""
    kind = Type(request.type)
    _check(kind in domain.ERASURES, request.scope, "scope")
    _check(kind == Type.RECTIFY, request.attributes, "attributes")
    _check(kind == Type.OBJECT, request.purposes, "purposes")
    if kind == Type.RECTIFY and not request.attributes:
        raise InvalidArgument("attributes", "is required for rectifying")
    if bool(request.profile_id) == request.HasField("identifier"):
        raise InvalidArgument("profile_id", "or identifier is required, and not both")
    is_whole_person = request.scope == "PERSON"
    return Order(kind, is_whole_person, request.attributes, tuple(request.purposes), actor, request.note)


def _check(is_asked: bool, given: object, field: str) -> None:
    if given and not is_asked:
        raise InvalidArgument(field, "does not go with this type of request")


def request_to_proto(request: Request, steps: Sequence[Step]) -> privacy_pb2.PrivacyRequest:
    """A request with its steps."""
    told = privacy_pb2.PrivacyRequest(
        privacy_request_id=str(request.privacy_request_id),
        type=privacy_pb2.PrivacyRequest.Type.ValueType(request.type),
        state=privacy_pb2.PrivacyRequest.State.ValueType(request.state),
        profile_id=str(request.profile_id),
        steps=[_step_to_proto(step) for step in steps],
        actor=request.actor,
        note=request.note,
        create_time=stamp(request.create_time),
    )
    if request.complete_time is not None:
        told.complete_time.CopyFrom(stamp(request.complete_time))
    if request.type in domain.ERASURES:
        done = [step.done_time for step in steps if step.done_time is not None]
        told.residue_time.CopyFrom(stamp(max([request.create_time, *done]) + domain.RESIDUE))
    return told


def _step_to_proto(step: Step) -> privacy_pb2.PrivacyStep:
    told = privacy_pb2.PrivacyStep(
        service=step.service,
        is_done=step.done_time is not None,
        counts=[privacy_pb2.ErasedCount(kind=kind, count=count) for kind, count in sorted(step.counts.items())],
        proof_hash=step.proof_hash,
    )
    if step.done_time is not None:
        told.done_time.CopyFrom(stamp(step.done_time))
    return told


def part_to_proto(part: Part) -> privacy_service_pb2.BundlePart:
    """What a part of a bundle is."""
    return privacy_service_pb2.BundlePart(
        service=part.service, number=part.number, line_count=part.line_count, sha256=part.sha256
    )


def retention_to_proto(retention: Retention) -> privacy_pb2.Retention:
    """How long a class of things is kept."""
    told = privacy_pb2.Retention(
        days=retention.days,
        actor=retention.actor,
        update_time=stamp(retention.update_time),
        **{"class": retention.name},
    )
    return told


def look_to_proto(look: Look) -> privacy_pb2.AuditEntry:
    """A look."""
    return privacy_pb2.AuditEntry(
        audit_id=str(look.audit_id),
        action=look.action,
        profile_id=str(look.profile_id),
        actor=look.actor,
        store_id=look.store_id,
        reason=look.reason,
        create_time=stamp(look.create_time),
    )


# --------------------------------------------------------------------------------------------- the lines of a bundle


def profile_line(reading: Reading, known: Known, person: Sequence[UUID], *, now: datetime) -> str:
    """The person."""
    profile = identity_convert.profile_to_proto(*reading, known, person[0], now=now)
    return _line("profile", profile, merged_ids=[str(each) for each in person[1:]])


def attribute_line(name: str, fact: Fact) -> str:
    """What is known, with its source and time."""
    told = {"kind": "attribute", "name": name, "value": fact.value, "source_id": fact.source_id}
    return _json({**told, "time": _EPOCH + timedelta(microseconds=fact.time)})


def merge_line(merge: MergeRecord) -> str:
    """A merge."""
    return _line("merge", identity_convert.merge_to_proto(merge))


def move_line(move: MoveRecord, person: Sequence[UUID]) -> str:
    """An identifier that left the person or came to them. Who holds it, or held it, is not named when it is another."""
    named = (each if each in person else None for each in (move.from_profile_id, move.to_profile_id))
    told = identity_convert.move_to_proto(move)
    told.from_profile_id, told.to_profile_id = (str(each) if each else "" for each in named)
    return _line("identifier_move", told)


def consent_line(entry: Entry) -> str:
    """What the person said."""
    return _line("consent", consent_convert.entry_to_proto(entry))


def membership_line(membership: Membership) -> str:
    """To which group the person belonged, and when."""
    return _line("membership", groups_convert.membership_to_proto(membership))


def event_line(event: Event, profile_id: UUID) -> str:
    """What the person did."""
    return _line("event", timeline_convert.event_to_proto(event, profile_id))


def look_line(look: Look) -> str:
    """Who looked at the person."""
    return _line("audit", look_to_proto(look))


def _line(kind: str, message: Message, **more: Any) -> str:
    told = MessageToDict(message, preserving_proto_field_name=True)
    embedded = {name: msgspec.Raw(told[name].encode()) for name in _EMBEDDED & told.keys() if told[name]}
    return _json({"kind": kind, **told, **embedded, **more})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
