"""Forgetting a person for good (spec people §5.2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import Tx
from logic.privacy import erasure_proof
from services.profile.attributes import store as attributes
from services.profile.consent import store as consent
from services.profile.groups import store as groups
from services.profile.identity import store as identity
from services.profile.privacy import domain, events, store
from services.profile.privacy.domain import Type
from services.profile.privacy.errors import SeveralPeople
from services.profile.rejections import domain as rejection
from services.profile.rejections import store as rejections
from services.profile.reviews import store as reviews
from services.profile.suppressions import domain as suppression
from services.profile.suppressions import store as suppressions
from services.profile.suppressions.domain import Reason, Suppression
from services.profile.timeline import store as timeline
from services.profile.vault.domain import Vault


class Erasure(NamedTuple):
    """A person to forget. `person` are all ids, the one that stands for them first; `token` stands for them then."""

    request_id: UUID
    type: Type
    person: Sequence[UUID]
    token: UUID
    is_whole_person: bool
    is_suppressing: bool
    actor: str


async def erase(tx: Tx, vault: Vault, wanted: Erasure, *, now: datetime) -> None:
    """Forget a person here, and have others forget them. Whoever calls is the only one who settles who is who.

    What stays: the keyed hashes of the identifiers, so that nobody brings the person back; what they said about
    consent, without network addresses; events without content when they are anonymised. Raises `SeveralPeople` when
    known people were merged and nobody said that all are meant.
    """
    person = wanted.person
    if not wanted.is_whole_person and (merges := await identity.known_merges(tx, vault, person)):
        raise SeveralPeople(merges)
    counts = await _forget(tx, vault, wanted, now)
    proof = erasure_proof(str(wanted.request_id), domain.OWN, counts)
    await store.save_done(tx, wanted.request_id, domain.OWN, counts, proof, now=now)
    await events.profile_erased(tx, wanted.request_id, person, wanted.token, now=now)


async def _forget(tx: Tx, vault: Vault, wanted: Erasure, now: datetime) -> dict[str, int]:
    person = wanted.person
    create_time = (await identity.get_profile(tx, vault, person[0])).create_time
    is_nobody = wanted.type == Type.ANONYMIZE
    sets = await attributes.forget(tx, person)
    happened = await (timeline.blank(tx, person, wanted.token) if is_nobody else timeline.forget(tx, person))
    forgotten = await identity.forget(tx, vault, person)
    if is_nobody:
        await identity.put_nobody(tx, wanted.token, create_time)
    hashes = [
        Suppression(suppression.hash_of(vault, key), type_name, Reason.ERASED, wanted.actor, "", now)
        for key, type_name in forgotten.identifiers
    ]
    names = [rejection.name_of(vault, key) for key, _ in forgotten.identifiers]
    kept = await suppressions.add(tx, hashes if wanted.is_suppressing else ())
    await timeline.count(
        tx,
        {
            "profiles": 0 if is_nobody else -1,
            "merges": -forgotten.redirects,
            "events": 0 if is_nobody else -happened,
        },
    )
    return {
        "attribute_sets": sets,
        "events_blanked" if is_nobody else "events": happened,
        "identifiers": len(forgotten.identifiers),
        "conflicts": forgotten.conflicts,
        "merges": forgotten.merges,
        "separations": forgotten.separations,
        "memberships": await groups.forget(tx, person),
        "review_items": await reviews.forget(tx, person),
        "import_rows": forgotten.import_rows,
        "profiles": forgotten.profiles,
        "rejections": await rejections.forget(tx, names),
        "bundle_parts": await store.cancel_bundles(tx, person),
        "consents_kept": await consent.forget(tx, person),
        "suppressions_kept": kept,
    }
