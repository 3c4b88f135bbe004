"""An event as it came in: the rules it must keep, when it happened, whom it names."""

import hashlib
from collections.abc import Collection, Container, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.profile.attributes import domain as attributes
from services.profile.groups import domain as groups
from services.profile.groups.domain import Joining, Place, Span
from services.profile.identity import domain as identity
from services.profile.identity.domain import RULES, Claim, Evidence, Origin, Previous, Rules, Trust
from services.profile.identity.errors import IdentifierInvalid
from services.profile.ingest.errors import EventInvalid, IdentifierMissing
from services.profile.suppressions.errors import IdentifierSuppressed
from services.profile.timeline.domain import EventType

MESSAGE_ID_LENGTH_MAX = 100
NAME_LENGTH_MAX = 500
MEMBERS_MAX = 300
JSON_LENGTH_MAX = 65_536
IDENTIFIERS_MAX = 50
FUTURE_MAX = timedelta(hours=1)
MESSAGES_KEPT = timedelta(days=8)
"""How long a message id is remembered: seven days are promised."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime(1900, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FUTURE_MAX = FUTURE_MAX // _MICROSECOND
_TRACK, _IDENTIFY, _PAGE, _SCREEN, _GROUP, _ALIAS = EventType
_TYPES = frozenset(EventType)


class Refusal(NamedTuple):
    """Why an event is not stored: for programs, and for people."""

    reason: str
    detail: str


class Unread(NamedTuple):
    """An item that the gateway found to be no event, and why: it is only written down."""

    refusal: Refusal
    raw: str
    raw_size: int


class Incoming(NamedTuple):
    """One event as it came in. Times are microseconds of the epoch."""

    message_id: str = ""
    type: int = 0
    name: str = ""
    user_id: str = ""
    anonymous_id: str = ""
    previous_id: str = ""
    group_id: str = ""
    identifiers: tuple[tuple[str, str, str, bool], ...] = ()
    properties: str = ""
    traits: str = ""
    context: str = ""
    original_time: int | None = None
    sent_time: int | None = None
    receive_time: int | None = None
    source_id: str = ""
    trust: Trust = Trust.PUBLIC
    unread: Unread | None = None


class Times(NamedTuple):
    """The four times of an event."""

    timestamp: datetime
    original: datetime
    sent: datetime | None
    received: datetime


class Outcome(NamedTuple):
    """What became of an event. `refusal` says why it is not stored, `note` what of it was not believed."""

    message_id: str
    event_id: UUID | None = None
    profile_id: UUID | None = None
    is_duplicate: bool = False
    refusal: Refusal | None = None
    note: str = ""


class Accepted(NamedTuple):
    """An event that keeps the rules. `key` stands for its message id; `ignored` tells which identifiers name nobody."""

    event_id: UUID
    key: bytes
    event: Incoming
    evidence: Evidence
    times: Times
    traits: attributes.Values
    ignored: list[str]


def accept(event: Incoming, event_id: UUID, now: datetime, rules: Rules = RULES) -> Accepted:
    """Hold an event against the rules. Raises `EventInvalid`, `IdentifierMissing` or `IdentifierInvalid`."""
    _check(event)
    times = times_of(event, now)
    traits = _object("traits", event.traits)
    if event.type == _GROUP:
        traits = {}  # they describe the group
    claims, refused = _claims(event, traits, rules)
    claims, excess = identity.admitted(claims, event.trust)
    previous = _previous(event, refused, rules) if event.type == _ALIAS else None
    if not claims:
        raise refused[0] if refused else IdentifierMissing("userId or anonymousId", "is required")
    ignored = [refusal.message for refusal in refused]
    ignored += [f"identifier of type {claim.kind.name} needs a trusted source" for claim in excess]
    if event.type == _GROUP and event.trust is not Trust.SERVER:
        ignored.append("group needs a trusted source")
    origin = Origin(times.timestamp, event.source_id, event_id, event.trust)
    return Accepted(
        event_id, key_of(event.message_id), event, Evidence(tuple(claims), origin, previous), times, traits, ignored
    )


def without(accepted: Accepted, suppressed: Container[bytes]) -> Accepted:
    """The event without identifiers that are suppressed. Raises `IdentifierSuppressed` when it names no other.

    The context goes with them, in which they may stand again.
    """
    evidence, event = accepted.evidence, accepted.event
    dropped = [claim for claim in evidence.claims if claim.key in suppressed]
    kept = tuple(claim for claim in evidence.claims if claim.key not in suppressed)
    if not kept:
        raise IdentifierSuppressed
    names = {claim.kind.name for claim in dropped}
    traits = {name: value for name, value in accepted.traits.items() if name not in names}
    previous = evidence.previous
    if previous and (previous.as_user.key in suppressed or previous.as_anonymous.key in suppressed):
        previous = None
    bare = event._replace(
        user_id="" if "user_id" in names else event.user_id,
        anonymous_id="" if "anonymous_id" in names else event.anonymous_id,
        previous_id=event.previous_id if previous else "",
        traits=msgspec.json.encode(traits).decode() if traits or event.type == _IDENTIFY else event.traits,
        context="",
    )
    notes = [f"identifier of type {name} is suppressed" for name in sorted(names)]
    return accepted._replace(
        event=bare,
        evidence=evidence._replace(claims=kept, previous=previous),
        traits=traits,
        ignored=accepted.ignored + notes,
    )


def stripped(accepted: Accepted, names: Collection[str]) -> Accepted:
    """The event without attributes that may not be known of its person."""
    event = accepted.event
    traits = {name: value for name, value in accepted.traits.items() if name not in names}
    bare = event._replace(
        traits=msgspec.json.encode(traits).decode() if event.type == _IDENTIFY else event.traits,
        context=attributes.without_traits(event.context, names),
    )
    notes = [f"attribute {name} needs a consent that was not given" for name in sorted(names)]
    return accepted._replace(event=bare, traits=traits, ignored=accepted.ignored + notes)


def renewed(accepted: Accepted, erase_times: Mapping[bytes, datetime | None]) -> list[bytes]:
    """The identifiers of erased people that an event lets in again: it says that somebody agreed after the erasure.

    A source that anybody can speak for lets in the device it speaks from, and nothing else.
    """
    is_trusted = accepted.event.trust is Trust.SERVER
    return [
        claim.key
        for claim in accepted.evidence.claims
        if (erased := erase_times.get(claim.key)) is not None
        and erased < accepted.times.timestamp
        and (is_trusted or claim.kind.name == "anonymous_id")
    ]


def key_of(message_id: str) -> bytes:
    """128 bits that stand for a message id."""
    return hashlib.blake2b(message_id.encode(), digest_size=16).digest()


def _check(event: Incoming) -> None:
    if len(event.message_id) > MESSAGE_ID_LENGTH_MAX:
        raise EventInvalid("messageId", f"must have at most {MESSAGE_ID_LENGTH_MAX} characters")
    if event.type not in _TYPES:
        raise EventInvalid("type", "must be track, identify, page, screen, group or alias")
    if len(event.name) > NAME_LENGTH_MAX:
        raise EventInvalid(
            "name" if event.type in (_PAGE, _SCREEN) else "event", f"must have at most {NAME_LENGTH_MAX} characters"
        )
    if len(event.identifiers) > IDENTIFIERS_MAX:
        raise EventInvalid("identifiers", f"must have at most {IDENTIFIERS_MAX} items")
    _check_type(event)
    _object("properties", event.properties)
    _object("context", event.context, members_max=None)


def _check_type(event: Incoming) -> None:
    if event.type == _TRACK and not event.name:
        raise EventInvalid("event", "is required for track")
    if event.type == _GROUP and not 0 < len(event.group_id) <= NAME_LENGTH_MAX:
        raise EventInvalid("groupId", f"must have 1 to {NAME_LENGTH_MAX} characters for group")
    if event.type == _ALIAS and not (event.previous_id and event.user_id):
        raise IdentifierMissing("previousId and userId", "are required for alias")


def _object(field: str, text: str, members_max: int | None = MEMBERS_MAX) -> attributes.Values:
    if len(text) > JSON_LENGTH_MAX:
        raise EventInvalid(field, f"must have at most {JSON_LENGTH_MAX} characters")
    try:
        members = attributes.values(text)
    except ValueError:
        raise EventInvalid(field, "must be a JSON object") from None
    if members_max is not None and len(members) > members_max:
        raise EventInvalid(field, f"must have at most {members_max} members")
    return members


def times_of(event: Incoming, now: datetime) -> Times:
    """When it happened by our clock: `received - (sent - original)`, or now when that is more than an hour ahead."""
    received = (now - _EPOCH) // _MICROSECOND if event.receive_time is None else event.receive_time
    sent = None if event.sent_time is None else _moment(event.sent_time)
    if event.original_time is None:
        moment = _moment(received)
        return Times(moment, moment, sent, moment)
    lag = (received if event.sent_time is None else event.sent_time) - event.original_time
    if lag < -_FUTURE_MAX:
        lag = 0
    return Times(_moment(max(received - lag, _EARLIEST)), _moment(event.original_time), sent, _moment(received))


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(0, 0, microseconds)


def _claims(event: Incoming, traits: attributes.Values, rules: Rules) -> tuple[list[Claim], list[IdentifierInvalid]]:
    """Identifiers that can be used, and why the others cannot."""
    claims: list[Claim] = []
    refused: list[IdentifierInvalid] = []
    for named in _named(event, traits):
        try:
            claims.append(rules.claim(*named))
        except IdentifierInvalid as refusal:
            refused.append(refusal)
    return claims, refused


def _named(event: Incoming, traits: attributes.Values) -> Iterator[tuple[str, str, str, bool]]:
    if event.user_id:
        yield "user_id", "", event.user_id, True
    if event.anonymous_id:
        yield "anonymous_id", "", event.anonymous_id, True
    is_trusted = event.trust is Trust.SERVER
    for type_name, namespace, value, verified in event.identifiers:
        yield type_name, namespace, value, verified and is_trusted
    for type_name in ("phone", "email"):
        if type_name in traits and (value := _text(traits[type_name])):
            yield type_name, "", value, False


def _text(value: msgspec.Raw) -> str:
    """The text of a JSON string or number; nothing of anything else."""
    try:
        return str(msgspec.json.decode(value, type=str | int))
    except msgspec.MsgspecError:
        return ""


def _previous(event: Incoming, refused: list[IdentifierInvalid], rules: Rules) -> Previous | None:
    try:
        return Previous(
            rules.claim("user_id", "", event.previous_id), rules.claim("anonymous_id", "", event.previous_id)
        )
    except IdentifierInvalid as refusal:
        refused.append(refusal)
        return None


def joining_of(accepted: Accepted, profile_id: UUID) -> Joining | None:
    """What group an event says that a person belongs to. Whatever anybody can speak for says nothing of that."""
    event, time = accepted.event, accepted.times.timestamp
    if event.type != _GROUP or event.trust is not Trust.SERVER:
        return None
    traits = attributes.values(event.traits)
    place = Place(groups.type_of(traits), event.group_id)
    return Joining(profile_id, place, Span(time), event.source_id, traits, time, is_observed=True)


def properties_of(event: Incoming) -> str:
    """What the event says beside whom it is about: traits of identify and group, properties of the others."""
    text = event.traits if event.type in (_IDENTIFY, _GROUP) else event.properties
    return text or "{}"
