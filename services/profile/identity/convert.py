"""People and identifiers, between the contract and the domain."""

import hashlib
from collections.abc import Collection, Container, Iterable
from datetime import UTC, datetime
from uuid import UUID

from bowen.profile.v1 import event_pb2, identity_service_pb2, profile_pb2, profile_service_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import moment, stamp
from services.profile.attributes import domain as attributes
from services.profile.identity import domain
from services.profile.identity.domain import (
    RULES,
    Author,
    BlockedValue,
    Claim,
    LinkReading,
    MergeRecord,
    MoveRecord,
    Quarantined,
    Rules,
    Separation,
    Sight,
    masks,
)
from services.profile.identity.errors import BlockedValueInvalid, IdentifierInvalid

_CLASSES = {
    domain.Strength.STRONG: profile_pb2.IDENTIFIER_CLASS_STRONG,
    domain.Strength.ACCOUNT: profile_pb2.IDENTIFIER_CLASS_ACCOUNT,
    domain.Strength.WEAK: profile_pb2.IDENTIFIER_CLASS_WEAK,
    domain.Strength.NEVER: profile_pb2.IDENTIFIER_CLASS_NEVER,
}

_ANYTHING = ("+8613912345678", "a", "zhang.wei@mail.cn", "0192f000-0000-7000-8000-000000000000", "会员 8")
"""Values that have nothing in common: what matches them all matches everything."""


def claim_from_proto(identifier: profile_pb2.Identifier, rules: Rules = RULES) -> Claim:
    """The identifier, normalised. Raises `IdentifierInvalid`."""
    return rules.claim(identifier.type, identifier.namespace, identifier.value, identifier.verified)


def claims_from_proto(
    identifiers: Iterable[profile_pb2.Identifier], rules: Rules
) -> tuple[tuple[Claim, ...], list[str]]:
    """Usable identifiers of one person, the highest-ranked first, and a note for each that names nobody.

    Raises `IdentifierInvalid` for a breach of contract, and when none is usable.
    """
    claims: list[Claim] = []
    blocked: list[IdentifierInvalid] = []
    for identifier in identifiers:
        try:
            claims.append(claim_from_proto(identifier, rules))
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
    links: Iterable[LinkReading],
    known: attributes.Known,
    asked: UUID,
    *,
    now: datetime,
    rules: Rules = RULES,
) -> profile_pb2.Profile:
    """A person who lives on. `asked` is the id that was asked for."""
    sight = Sight(now, rules)
    held = sorted(links, key=lambda link: sight.grade_of(*link.proof).rank)
    changes = [link.first_seen_time for link in held]
    return profile_pb2.Profile(
        profile_id=str(profile_id),
        state=profile_pb2.Profile.STATE_ACTIVE,
        identifiers=[_link_to_proto(link, sight) for link in held],
        attributes=attributes.public(known.facts),
        create_time=stamp(create_time),
        update_time=stamp(max(create_time, *changes, known.update_time or create_time)),
        redirected_from=str(asked) if asked != profile_id else "",
    )


def _link_to_proto(link: LinkReading, sight: Sight) -> profile_pb2.IdentifierLink:
    message = profile_pb2.IdentifierLink(
        identifier=identifier_to_proto(link.type, link.namespace, link.value, link.verified),
        first_seen_time=stamp(link.first_seen_time),
        last_seen_time=stamp(link.last_seen_time),
        source_id=link.source_id,
        event_id=str(link.event_id) if link.event_id else "",
        trust=event_pb2.Trust.ValueType(link.trust),
        **{"class": _CLASSES[sight.grade_of(*link.proof).strength]},  # type: ignore[arg-type] # no name Python has
    )
    if link.last_verified_time is not None:
        message.last_verified_time.CopyFrom(stamp(link.last_verified_time))
    if link.suspect_time is not None:
        message.quarantine_time.CopyFrom(stamp(link.suspect_time))
    return message


def move_to_proto(move: MoveRecord) -> profile_pb2.IdentifierMove:
    """The record of an identifier that left a person."""
    return profile_pb2.IdentifierMove(
        move_id=str(move.move_id),
        identifier=identifier_to_proto(move.type, move.namespace, move.value, move.verified),
        from_profile_id=str(move.from_profile_id),
        to_profile_id=str(move.to_profile_id) if move.to_profile_id else "",
        reason=profile_pb2.IdentifierMove.Reason.ValueType(move.reason),
        source_id=move.source_id,
        event_id=str(move.event_id) if move.event_id else "",
        actor=move.actor,
        note=move.note,
        move_time=stamp(move.move_time),
    )


def quarantined_to_proto(quarantined: Quarantined) -> profile_pb2.QuarantinedIdentifier:
    """An identifier that was seen with too many people."""
    return profile_pb2.QuarantinedIdentifier(
        identifier=identifier_to_proto(*quarantined[:4]),
        profile_id=str(quarantined.profile_id),
        seen_count=quarantined.seen_count,
        quarantine_time=stamp(quarantined.suspect_time),
    )


def blocked_from_proto(
    request: identity_service_pb2.CreateBlockedValueRequest, author: Author, *, blocked_value_id: UUID, now: datetime
) -> BlockedValue:
    """A value to block, normalised by its type, or a pattern. Raises `BlockedValueInvalid`."""
    kind = domain.kind_named(request.type)
    if request.type and kind is None:
        raise BlockedValueInvalid("type", "is not a known type")
    value = _pattern(request.value) if request.is_pattern else _exact(kind, request.value)
    return BlockedValue(blocked_value_id, request.type, value, request.is_pattern, author.actor, author.note, now)


def _exact(kind: domain.Kind | None, value: str) -> str:
    if kind is None:
        return value.strip()
    try:
        return kind.normalised(value)
    except IdentifierInvalid as refusal:
        raise BlockedValueInvalid("value", refusal.metadata["rule"]) from None


def _pattern(text: str) -> str:
    try:
        pattern = domain.compiled(text)
    except domain.PatternInvalid as told:
        raise BlockedValueInvalid("value", str(told)) from None
    if all(pattern.fullmatch(each) for each in _ANYTHING):
        raise BlockedValueInvalid("value", "would block everything")
    return text


def blocked_to_proto(blocked: BlockedValue) -> profile_pb2.BlockedValue:
    """An entry of the list of what operators blocked."""
    return profile_pb2.BlockedValue(
        blocked_value_id=str(blocked.blocked_value_id),
        type=blocked.type,
        value=blocked.value,
        is_pattern=blocked.is_pattern,
        actor=blocked.actor,
        note=blocked.note,
        create_time=stamp(blocked.create_time),
    )


def identifiers_to_proto(named: Iterable[tuple[str, str, str, bool]]) -> list[profile_pb2.Identifier]:
    """Identifiers that are given as type, namespace, value and whether they were verified."""
    return [identifier_to_proto(*each) for each in named]


def identifier_to_proto(type_name: str, namespace: str, value: str, verified: bool) -> profile_pb2.Identifier:
    """An identifier, normalised."""
    return profile_pb2.Identifier(type=type_name, namespace=namespace, value=value, verified=verified)


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


FIRST_PLACE = (datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))
"""Before all quarantined identifiers."""


def place_to_key(listed: tuple[UUID, Quarantined]) -> list[str | int]:
    """The sort key of a page's last quarantined identifier."""
    key, quarantined = listed
    return [quarantined.suspect_time.isoformat(), str(key)]


def place_from_key(key: list[str | int]) -> tuple[datetime, UUID]:
    """The place that a sort key stands for."""
    return datetime.fromisoformat(str(key[0])), UUID(str(key[1]))


# ------------------------------------------------------------------------------------------------------------ masking


def masked_profile(profile: profile_pb2.Profile, sensitive: Collection[str] = ()) -> profile_pb2.Profile:
    """A profile as it is shown to those who have no reason to see it whole; sensitive attributes not at all."""
    for link in profile.identifiers:
        link.identifier.value = masks.value(link.identifier.value)
    profile.attributes = masks.json_object(profile.attributes, about_person=True, sensitive=sensitive)
    for origin in profile.provenance:
        if origin.name in sensitive:
            origin.value = masks.HIDDEN_JSON
            del origin.facts[:]
        origin.value = masks.json_member(origin.name, origin.value)
        for fact in origin.facts:
            fact.value = masks.json_member(origin.name, fact.value)
    return profile


def least_of(profile: profile_pb2.Profile, claim: Claim) -> profile_pb2.Profile:
    """What is shown of somebody to a till that they are no customer of: enough to serve them, nothing about them."""
    asked = [
        link
        for link in profile.identifiers
        if (link.identifier.type, link.identifier.namespace, link.identifier.value)
        == (claim.kind.name, claim.namespace, claim.value)
    ]
    least = profile_pb2.Profile(
        profile_id=profile.profile_id,
        state=profile.state,
        identifiers=asked,
        attributes="{}",
        is_restricted=profile.is_restricted,
        is_personalization_off=profile.is_personalization_off,
    )
    for link in least.identifiers:
        for origin in ("source_id", "event_id", "trust"):
            link.ClearField(origin)
    return least


def masked_event(event: event_pb2.Event, sensitive: Collection[str] = ()) -> event_pb2.Event:
    """An event, likewise. What a product is called is not personal; what a person is called is."""
    is_person = event.type == event_pb2.EVENT_TYPE_IDENTIFY
    event.properties = masks.json_object(
        event.properties, about_person=is_person, sensitive=sensitive if is_person else ()
    )
    event.context = masks.json_object(event.context, about_person=False, sensitive=sensitive)
    return event


def masked_merge(merge: profile_pb2.Merge, sensitive: Collection[str] = ()) -> profile_pb2.Merge:
    """The record of a merge, likewise."""
    for identifier in merge.identifiers:
        identifier.value = masks.value(identifier.value)
    merge.before = masks.json_object(merge.before, about_person=True, sensitive=sensitive)
    return merge


def masked_move(move: profile_pb2.IdentifierMove) -> profile_pb2.IdentifierMove:
    """The record of an identifier that left a person, likewise."""
    move.identifier.value = masks.value(move.identifier.value)
    return move


def masked_quarantined(quarantined: profile_pb2.QuarantinedIdentifier) -> profile_pb2.QuarantinedIdentifier:
    """An identifier that was seen with too many people, likewise."""
    quarantined.identifier.value = masks.value(quarantined.identifier.value)
    return quarantined
