"""Taking events in."""

from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import InvalidArgument
from chassis.ids import new_id
from services.profile.attributes.domain import Values
from services.profile.attributes.errors import AttributeConsentMissing
from services.profile.consent import operations as consent
from services.profile.consent.convert import preferences
from services.profile.consent.domain import Preference
from services.profile.groups import operations as groups
from services.profile.groups.domain import Joining
from services.profile.identity import operations as identity
from services.profile.identity.domain import RULES, Evidence, Rules, Verdict
from services.profile.ingest import convert, domain, events, store
from services.profile.ingest.domain import Accepted, Incoming, Outcome, Refusal
from services.profile.rejections import operations as rejections
from services.profile.rejections.domain import Refused
from services.profile.suppressions import operations as suppressions
from services.profile.suppressions.errors import IdentifierSuppressed
from services.profile.timeline import store as timeline_store
from services.profile.timeline.domain import Event
from services.profile.vault.domain import Vault

FORGET_ROWS_MAX = 5_000
SETTLED_BESIDE_MAX = 25
"""Up to so many events are settled beside those of others. Two larger batches nearly always name the same newcomer, and
without a turn the later one would learn of that at its end, and do all its work again."""


def judge(incoming: Sequence[Incoming], *, now: datetime, rules: Rules = RULES) -> list[Accepted | Outcome]:
    """Hold each event against the rules: the event as it is accepted, or the outcome of one that is refused."""
    return [_judge(event, now, rules) for event in incoming]


def keys_of(judged: Sequence[Accepted | Outcome]) -> frozenset[bytes]:
    """What stands for the identifiers of everybody whom events name, whoever they turn out to be."""
    return frozenset(key for each in judged if isinstance(each, Accepted) for key in each.evidence.keys_named())


async def ingest(
    tx: Tx,
    incoming: Sequence[Incoming],
    judged: Sequence[Accepted | Outcome],
    *,
    vault: Vault,
    now: datetime,
    rules: Rules = RULES,
) -> list[Outcome]:
    """Store events that were judged, and resolve each to a person, with one outcome per event, in order.

    Drops repeats by message id, within the batch as well; corrects clocks; applies traits and consent; tells others.
    One event's refusal touches no other, and is written down beside them. Raises `Clash` as
    `identity.operations.settle` does.
    """
    judged = await _admit(tx, vault, judged)
    await rejections.record(tx, vault, _refused(incoming, judged), rules=rules, now=now)
    firsts: dict[bytes, Accepted] = {}
    for each in judged:
        if isinstance(each, Accepted):
            firsts.setdefault(each.key, each)
    taken = await store.take(tx, {key: each.event_id for key, each in firsts.items()}, now=now)
    fresh = [each for key, each in firsts.items() if key not in taken]
    if len(fresh) > SETTLED_BESIDE_MAX:
        await store.wait_for_turn(tx)
    stored = await _store(tx, fresh, vault, now, rules)
    return [each if isinstance(each, Outcome) else _outcome(each, firsts, taken, stored) for each in judged]


def _judge(event: Incoming, now: datetime, rules: Rules) -> Accepted | Outcome:
    if event.unread is not None:
        return Outcome(event.message_id, refusal=event.unread.refusal)
    event_id = new_id()
    if not event.message_id:
        event = event._replace(message_id=str(event_id))
    try:
        return domain.accept(event, event_id, now, rules)
    except InvalidArgument as refusal:
        return Outcome(event.message_id, refusal=Refusal(refusal.reason, refusal.message))


def _refused(incoming: Sequence[Incoming], judged: Sequence[Accepted | Outcome]) -> Iterator[Refused]:
    """What is to be written down of events that are not stored: nothing of people who are suppressed."""
    for event, outcome in zip(incoming, judged, strict=True):
        if isinstance(outcome, Accepted) or outcome.refusal is None:
            continue
        if outcome.refusal.reason == IdentifierSuppressed.reason:
            yield Refused(event.source_id, "", *outcome.refusal, "", 0)
        elif event.unread is not None:
            yield Refused(event.source_id, event.message_id, *event.unread.refusal, *event.unread[1:])
        else:
            raw = convert.raw_of(event)
            yield Refused(event.source_id, event.message_id, *outcome.refusal, raw, len(raw.encode(errors="replace")))


async def _admit(tx: Tx, vault: Vault, judged: Sequence[Accepted | Outcome]) -> Sequence[Accepted | Outcome]:
    """Drop identifiers that are suppressed, and events that name no other."""
    accepted = [each for each in judged if isinstance(each, Accepted)]
    listed = await suppressions.listed(tx, vault, {key for each in accepted for key in each.evidence.keys_named()})
    if not listed:
        return judged
    erased = {key: each.erase_time for key, each in listed.items()}
    agreed = [each for each in accepted if any(said.is_granted for said in _said(each, each.event_id))]
    renewed = {key for each in agreed for key in domain.renewed(each, erased)}
    await suppressions.lift(tx, {key: listed[key] for key in renewed})
    suppressed = listed.keys() - renewed
    admitted = [_without(each, suppressed) if isinstance(each, Accepted) else each for each in judged]
    dropped = sum(isinstance(after, Outcome) for after in admitted) - (len(judged) - len(accepted))
    await timeline_store.count(tx, {"suppressed_events": dropped})
    return admitted


def _without(accepted: Accepted, suppressed: Container[bytes]) -> Accepted | Outcome:
    if not any(key in suppressed for key in accepted.evidence.keys_named()):
        return accepted
    try:
        return domain.without(accepted, suppressed)
    except InvalidArgument as refusal:
        return Outcome(accepted.event.message_id, refusal=Refusal(refusal.reason, refusal.message))


async def _store(tx: Tx, fresh: Sequence[Accepted], vault: Vault, now: datetime, rules: Rules) -> dict[UUID, Verdict]:
    """Resolve events, append them to their people's timelines, tell of them. Returns the verdicts by event id."""
    if not fresh:
        return {}
    stated = [(each.evidence, each.traits) for each in fresh]
    verdicts = await identity.settle(tx, vault, stated, now=now, rules=rules)
    fresh = [
        domain.stripped(each, set(verdict.shut_out) & each.traits.keys()) if verdict.shut_out else each
        for each, verdict in zip(fresh, verdicts, strict=True)
    ]
    await rejections.record(tx, vault, _shut_out(stated, fresh), rules=rules, now=now)
    recorded = [_event(vault, each, verdict) for each, verdict in zip(fresh, verdicts, strict=True)]
    await timeline_store.append(tx, vault, recorded)
    await events.event_recorded(tx, recorded, now=now)
    await timeline_store.count(tx, {"events": len(recorded)})
    joinings = [_joining(each, verdict) for each, verdict in zip(fresh, verdicts, strict=True)]
    await groups.join_all(tx, vault, [each for each in joinings if each], now=now)
    await consent.record_preferences(tx, vault, list(_preferences(fresh, verdicts)), now=now)
    return {each.event_id: verdict for each, verdict in zip(fresh, verdicts, strict=True)}


def _shut_out(stated: Sequence[tuple[Evidence, Values]], stripped: Sequence[Accepted]) -> Iterator[Refused]:
    """What is written down of attributes that are not kept: their names."""
    for (_, traits), kept in zip(stated, stripped, strict=True):
        for name in sorted(traits.keys() - kept.traits.keys()):
            event, refusal = kept.event, AttributeConsentMissing(name)
            raw = msgspec.json.encode({"messageId": event.message_id, "attribute": name}).decode()
            yield Refused(event.source_id, event.message_id, refusal.reason, refusal.message, raw, len(raw.encode()))


def _joining(accepted: Accepted, verdict: Verdict) -> Joining | None:
    return domain.joining_of(accepted, verdict.person.profile_id)


def _preferences(fresh: Sequence[Accepted], verdicts: Sequence[Verdict]) -> Iterator[Preference]:
    """What events say of the categories of consent banners."""
    for each, verdict in zip(fresh, verdicts, strict=True):
        yield from _said(each, verdict.person.root.profile_id)


def _said(accepted: Accepted, profile_id: UUID) -> Iterator[Preference]:
    event, time = accepted.event, accepted.times.timestamp
    return preferences(event.context, profile_id=profile_id, time=time, source=event.source_id)


def _event(vault: Vault, accepted: Accepted, verdict: Verdict) -> Event:
    event, times = accepted.event, accepted.times
    return Event(
        accepted.event_id,
        verdict.person.profile_id,
        event.message_id,
        event.type,
        event.name,
        event.source_id,
        event.trust,
        event.user_id,
        event.anonymous_id,
        event.previous_id,
        event.group_id,
        b"".join([vault.index(claim.key) for claim in accepted.evidence.claims]),
        msgspec.json.encode(accepted.ignored).decode() if accepted.ignored else "",
        domain.properties_of(event),
        event.context or "{}",
        *times,
        accepted.evidence.proven(),
    )


def _outcome(
    accepted: Accepted, firsts: dict[bytes, Accepted], taken: dict[bytes, UUID], stored: dict[UUID, Verdict]
) -> Outcome:
    key, message_id = accepted.key, accepted.event.message_id
    if key in taken or firsts[key] is not accepted:
        return Outcome(message_id, taken.get(key, firsts[key].event_id), is_duplicate=True)
    verdict = stored[accepted.event_id]
    shut = sorted(set(verdict.shut_out) & accepted.traits.keys())
    notes = accepted.ignored + [f"attribute {name} needs a consent that was not given" for name in shut]
    notes += [f"{each.claim.kind.name} was not believed: {each.rule}" for each in verdict.conflicts]
    return Outcome(message_id, accepted.event_id, verdict.person.profile_id, note="; ".join(notes))


async def forget_messages(db: Database, clock: Clock) -> None:
    """Forget the message ids that need no longer be known, a few at a time."""
    before = clock.now() - domain.MESSAGES_KEPT
    while await db.transact(lambda tx: store.forget(tx, before, limit=FORGET_ROWS_MAX)) == FORGET_ROWS_MAX:
        pass
