"""People and identifiers, between the contract and the domain."""

import hashlib
from collections.abc import Container, Iterable
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import event_pb2, profile_pb2, profile_service_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import moment, stamp
from services.profile.attributes import domain as attributes
from services.profile.identity import domain
from services.profile.identity.domain import Claim, MergeRecord, Separation, masks
from services.profile.identity.errors import IdentifierInvalid

_CLASSES = {
    domain.Strength.STRONG: profile_pb2.IDENTIFIER_CLASS_STRONG,
    domain.Strength.ACCOUNT: profile_pb2.IDENTIFIER_CLASS_ACCOUNT,
    domain.Strength.WEAK: profile_pb2.IDENTIFIER_CLASS_WEAK,
}


def claim_from_proto(identifier: profile_pb2.Identifier) -> Claim:
    """The identifier, normalised. Raises `IdentifierInvalid`."""
    return domain.claim(identifier.type, identifier.namespace, identifier.value, identifier.verified)


def claims_from_proto(identifiers: Iterable[profile_pb2.Identifier]) -> tuple[tuple[Claim, ...], list[str]]:
    """Usable identifiers of one person, the highest-ranked first, and a note for each that names nobody.

    Raises `IdentifierInvalid` for a breach of contract, and when none is usable.
    """
    claims: list[Claim] = []
    blocked: list[IdentifierInvalid] = []
    for identifier in identifiers:
        try:
            claims.append(claim_from_proto(identifier))
        except IdentifierInvalid as refusal:
            if not refusal.blocked:
                raise
            blocked.append(refusal)
    if not claims:
        raise blocked[0]
    return tuple(domain.ranked(claims)), [f"ignored: {refusal.message}" for refusal in blocked]


def row_key(source_id: str, row: profile_service_pb2.ProfileRow) -> tuple[UUID, UUID]:
    """Hashes of a row's id in its source, and of its content."""
    content = profile_service_pb2.ProfileRow()
    content.CopyFrom(row)
    content.ClearField("row_id")
    return _digest(source_id.encode(), row.row_id.encode()), _digest(content.SerializeToString(deterministic=True))


def _digest(*parts: bytes) -> UUID:
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        hashed.update(len(part).to_bytes(4, "big"))
        hashed.update(part)
    return UUID(bytes=hashed.digest())


def traits_from_proto(text: str) -> attributes.Values:
    """Attributes of a row. The contract's rules have seen to it that it is a JSON object."""
    try:
        return attributes.values(text)
    except ValueError as error:
        raise InvalidArgument("attributes", str(error)) from None


def time_from_proto(row: profile_service_pb2.ProfileRow, now: datetime) -> datetime:
    """When the row's facts were true: never later than now."""
    return min(moment(row.time), now) if row.HasField("time") else now


def profile_to_proto(
    profile_id: UUID,
    create_time: datetime,
    links: Iterable[tuple[str, str, str, bool, datetime, datetime]],
    known: attributes.Known,
    asked: UUID,
) -> profile_pb2.Profile:
    """A person who lives on. `asked` is the id that was asked for."""
    shown = sorted((_link_to_proto(*link) for link in links), key=_rank)
    changes = [link.first_seen_time.ToDatetime(create_time.tzinfo) for link in shown]
    return profile_pb2.Profile(
        profile_id=str(profile_id),
        state=profile_pb2.Profile.STATE_ACTIVE,
        identifiers=shown,
        attributes=attributes.public(known.facts),
        create_time=stamp(create_time),
        update_time=stamp(max(create_time, *changes, known.update_time or create_time)),
        redirected_from=str(asked) if asked != profile_id else "",
    )


def _link_to_proto(
    type_name: str, namespace: str, value: str, verified: bool, first_seen: datetime, last_seen: datetime
) -> profile_pb2.IdentifierLink:
    return profile_pb2.IdentifierLink(
        identifier=profile_pb2.Identifier(type=type_name, namespace=namespace, value=value, verified=verified),
        **{"class": _CLASSES[domain.KINDS[type_name].grade(verified).strength]},
        first_seen_time=stamp(first_seen),
        last_seen_time=stamp(last_seen),
    )


def _rank(link: profile_pb2.IdentifierLink) -> int:
    return domain.KINDS[link.identifier.type].grade(link.identifier.verified).rank


def identifiers_to_proto(named: Iterable[tuple[str, str, str, bool]]) -> list[profile_pb2.Identifier]:
    """Identifiers that are given as type, namespace, value and whether they were verified."""
    return [
        profile_pb2.Identifier(type=type_name, namespace=namespace, value=value, verified=verified)
        for type_name, namespace, value, verified in named
    ]


def merge_to_proto(merge: MergeRecord) -> profile_pb2.Merge:
    """The record of a merge."""
    message = profile_pb2.Merge(
        merge_id=str(merge.merge_id),
        survivor_id=str(merge.survivor_id),
        loser_id=str(merge.loser_id),
        event_id=str(merge.event_id) if merge.event_id else "",
        reason=merge.reason,
        identifiers=identifiers_to_proto(merge.identifiers),
        merge_time=stamp(merge.merge_time),
        source_id=merge.source_id,
        trust=event_pb2.Trust.ValueType(merge.trust),
        rule_version=merge.rule_version,
        actor=merge.actor,
        note=merge.note,
        before=merge.before,
        undo_actor=merge.undo_actor,
        undo_note=merge.undo_note,
        undone_with=str(merge.undone_with) if merge.undone_with else "",
    )
    if merge.undo_time is not None:
        message.undo_time.CopyFrom(stamp(merge.undo_time))
    return message


def separation_to_proto(said: Separation, own: Container[UUID]) -> profile_pb2.Separation:
    """Two profiles told apart, seen from the one that is among `own`."""
    one, other = (said.low_id, said.high_id) if said.low_id in own else (said.high_id, said.low_id)
    return profile_pb2.Separation(
        profile_id=str(one),
        other_profile_id=str(other),
        merge_id=str(said.merge_id) if said.merge_id else "",
        actor=said.actor,
        note=said.note,
        create_time=stamp(said.create_time),
    )


# ------------------------------------------------------------------------------------------------------------ masking


def masked_profile(profile: profile_pb2.Profile) -> profile_pb2.Profile:
    """A profile as it is shown to those who have no reason to see it whole."""
    for link in profile.identifiers:
        link.identifier.value = masks.value(link.identifier.value)
    profile.attributes = masks.json_object(profile.attributes, about_person=True)
    return profile


def masked_event(event: event_pb2.Event) -> event_pb2.Event:
    """An event, likewise. What a product is called is not personal; what a person is called is."""
    is_person = event.type == event_pb2.EVENT_TYPE_IDENTIFY
    event.properties = masks.json_object(event.properties, about_person=is_person)
    event.context = masks.json_object(event.context, about_person=False)
    return event


def masked_merge(merge: profile_pb2.Merge) -> profile_pb2.Merge:
    """The record of a merge, likewise."""
    for identifier in merge.identifiers:
        identifier.value = masks.value(identifier.value)
    merge.before = masks.json_object(merge.before, about_person=True)
    return merge
