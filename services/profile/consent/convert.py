"""Consent between the contract and the domain."""

import ipaddress
import re
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec
from bowen.profile.v1 import consent_pb2
from bowen.profile.v1 import consent_service_pb2 as pb

from chassis.stamps import moment, stamp
from services.profile.consent import domain
from services.profile.consent.domain import KINDS_OF_ADDRESS, Entry, Preference, Purpose, Scope, State, Statement
from services.profile.consent.errors import ConsentInvalid
from services.profile.identity.domain import claim
from services.profile.identity.errors import IdentifierInvalid
from services.profile.vault.domain import Vault

PREFERENCES_MAX = 50
_PURPOSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}").fullmatch


def scope(vault: Vault, purpose: str, channel: str, address: str, *, field: str = "") -> Scope:
    """What a statement or a question is about. Raises `ConsentInvalid` for an address that is none."""
    if not address:
        return Scope(purpose, channel)
    if not channel:
        raise ConsentInvalid(f"{field}address", "needs a channel")
    return Scope(purpose, channel, address_hash(vault, channel, address, field=field))


def address_hash(vault: Vault, channel: str, address: str, *, field: str = "") -> bytes:
    """What stands for an address: the same for every channel that uses it. Raises `ConsentInvalid`."""
    kind = KINDS_OF_ADDRESS.get(channel)
    try:
        value = claim(kind, "", address).value if kind else address.strip()
    except IdentifierInvalid as refusal:
        raise ConsentInvalid(f"{field}address", refusal.metadata["rule"]) from None
    return domain.address_hash(vault, kind or channel, value)


def identifier_key(channel: str, address: str) -> bytes | None:
    """The key of the identifier that an address is; None where it is none, or none is given."""
    kind = KINDS_OF_ADDRESS.get(channel)
    return claim(kind, "", address).key if kind and address else None


def statement_from_proto(
    said: pb.ConsentStatement, *, vault: Vault, profile_id: UUID, actor: str, field: str, now: datetime
) -> Statement:
    """What a person said. Raises `ConsentInvalid`."""
    time = moment(said.consent_time) if said.HasField("consent_time") else now
    if time > now:
        raise ConsentInvalid(f"{field}consent_time", "must not be later than now")
    return Statement(
        profile_id,
        scope(vault, said.purpose, said.channel, said.address, field=field),
        State(said.state),
        said.legal_basis or consent_pb2.LEGAL_BASIS_CONSENT,
        said.notice_version,
        said.text_hash,
        said.source,
        ip_from_text(said.ip, field),
        actor,
        time,
    )


def ip_from_text(text: str, field: str = "") -> str:
    """A network address in its one written form. Raises `ConsentInvalid`."""
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ConsentInvalid(f"{field}ip", "must be a network address") from None


def entry_to_proto(entry: Entry) -> consent_pb2.Consent:
    """An entry."""
    return consent_pb2.Consent(
        consent_id=str(entry.consent_id),
        profile_id=str(entry.profile_id),
        sequence=entry.sequence,
        purpose=entry.purpose,
        channel=entry.channel,
        address_hash=entry.address_hash.hex(),
        state=consent_pb2.ConsentState.ValueType(entry.state),
        legal_basis=consent_pb2.LegalBasis.ValueType(entry.legal_basis),
        notice_version=entry.notice_version,
        text_hash=entry.text_hash,
        source=entry.source,
        ip=entry.ip,
        actor=entry.actor,
        consent_time=stamp(entry.consent_time),
        record_time=stamp(entry.record_time),
        hash=entry.hash.hex(),
    )


def effective_to_proto(asked: Scope, entry: Entry) -> consent_pb2.EffectiveConsent:
    """What holds."""
    return consent_pb2.EffectiveConsent(
        purpose=asked.purpose,
        channel=asked.channel,
        address_hash=asked.address_hash.hex(),
        state=consent_pb2.ConsentState.ValueType(entry.state),
        decided_by=entry_to_proto(entry),
    )


def purpose_to_proto(purpose: Purpose) -> consent_pb2.Purpose:
    """A purpose."""
    return consent_pb2.Purpose(
        purpose=purpose.purpose,
        kind=consent_pb2.Purpose.Kind.ValueType(purpose.kind),
        description=purpose.description,
        assessment=purpose.assessment,
        update_time=stamp(purpose.update_time),
    )


class _Consent(msgspec.Struct):
    categoryPreferences: dict[str, bool] = {}  # noqa: N815 (the name on the wire)


class _Context(msgspec.Struct):
    consent: _Consent | None = None
    ip: str = ""


_context = msgspec.json.Decoder(_Context)


def preferences(context: str, *, profile_id: UUID, time: datetime, source: str) -> Iterator[Preference]:
    """What an event's context says of the categories of a consent banner; nothing where it is not of that form."""
    if '"categoryPreferences"' not in context:
        return
    try:
        told = _context.decode(context)
        ip = ip_from_text(told.ip)
    except (msgspec.MsgspecError, ConsentInvalid):
        return
    categories = told.consent.categoryPreferences if told.consent else {}
    for name, is_granted in list(categories.items())[:PREFERENCES_MAX]:
        if _PURPOSE(name) and name not in domain.OWN and not (is_granted and name in domain.GATES):
            yield Preference(profile_id, name, is_granted, time, source, ip)
