"""Making requests."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from chassis.ids import new_id
from services.profile.attributes import domain as attributes
from services.profile.attributes import operations as attribute_operations
from services.profile.attributes.errors import AttributeConsentMissing
from services.profile.consent import domain as consent
from services.profile.consent import operations as consent_operations
from services.profile.consent.domain import Scope, Statement
from services.profile.identity import store as identity
from services.profile.looks import store as look_store
from services.profile.looks.domain import Look
from services.profile.privacy import domain, store
from services.profile.privacy.domain import Order, Request, State, Type
from services.profile.privacy.operations.bundling import collect
from services.profile.privacy.operations.erasing import Erasure, erase
from services.profile.vault.domain import Vault

SOURCE = "privacy-request"


async def create(tx: Tx, vault: Vault, order: Order, person: Sequence[UUID], *, now: datetime) -> Request:
    """Make a request about a person, given by all ids, and do here what it asks for. Raises `SeveralPeople`."""
    is_erasure = order.type in domain.ERASURES
    token = new_id() if is_erasure else None
    request = Request(new_id(), order.type, State.IN_PROGRESS, person[0], token, order.actor, order.note, now, None)
    others = domain.OTHERS if is_erasure or order.type in domain.BUNDLES else ()
    await store.add_request(tx, request, (domain.OWN, *others))
    await identity.hold(tx, person)
    if token is not None:
        wanted = Erasure(
            request.privacy_request_id,
            order.type,
            person,
            token,
            order.is_whole_person,
            order.is_suppressing,
            order.actor,
        )
        await erase(tx, vault, wanted, now=now)
    elif order.type in domain.BUNDLES:
        await collect(tx, vault, request.privacy_request_id, person, now=now)
    else:
        await _do_now(tx, vault, order, person[0], now)
        await store.save_done(tx, request.privacy_request_id, domain.OWN, {}, "", now=now)
    return await store.get_request(tx, request.privacy_request_id)


async def _do_now(tx: Tx, vault: Vault, order: Order, profile_id: UUID, now: datetime) -> None:
    """What profile does alone: correct attributes, or write a no into the ledger."""
    if order.type == Type.RECTIFY:
        facts = attributes.corrected(attributes.values(order.attributes), now, SOURCE)
        done = await attribute_operations.apply(tx, vault, [attributes.Stated(profile_id, facts)], now=now)
        for name in sorted(facts.keys() & set(done.shut_out[0])):
            raise AttributeConsentMissing(name)
        return
    purposes = order.purposes or (consent.PERSONALIZATION,)
    denied = (consent.PROCESSING,) if order.type == Type.RESTRICT else purposes
    said = [
        Statement(profile_id, Scope(purpose), consent.State.DENIED, 1, "", "", SOURCE, "", order.actor, now)
        for purpose in denied
    ]
    await consent_operations.record(tx, vault, said, now=now)


async def look(tx: Tx, seen: Look) -> None:
    """Note that somebody sees personal data as it is."""
    await look_store.add_look(tx, seen)
