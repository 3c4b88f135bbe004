"""Finding people by a part of a name or number, and noting who was shown to whom."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from chassis.db import ReadTx, Tx
from chassis.ids import new_id
from services.profile.attributes import store as attributes
from services.profile.attributes.domain import NOTHING, Known
from services.profile.identity import store as identity
from services.profile.looks import store
from services.profile.looks.domain import SEARCH, Look
from services.profile.search import store as index
from services.profile.search.domain import Field, Fragment, names_of
from services.profile.vault.domain import Vault

FOUND_MAX = 20
CANDIDATES_MAX = 500
"""How many are looked at: of a fragment that more have, no more is told than that."""


class Searcher(NamedTuple):
    """Who looks. `store_id`: whose customers they may find."""

    actor: str
    store_id: str


class Found(NamedTuple):
    """People who have a fragment in their names or numbers, with what is known of them."""

    people: list[tuple[UUID, Known]]
    has_more: bool


async def search(tx: Tx, vault: Vault, fragment: Fragment, searcher: Searcher, *, now: datetime) -> Found:
    """Find people, in order of id, and note who was found. The fragment itself is not noted: it is personal."""
    tokens, store_id = fragment.tokens(vault), searcher.store_id
    ids = await index.candidates(tx, fragment.field, tokens, store_id=store_id, now=now, limit=CANDIDATES_MAX)
    known = await attributes.known_of(tx, vault, ids)
    holding = sorted(await _holding(tx, vault, fragment, ids, known))
    people = [(profile_id, known.get(profile_id, NOTHING)) for profile_id in holding[:FOUND_MAX]]
    reason = f"by a part of the {fragment.field.name.lower()}"
    await store.add_looks(tx, [Look(new_id(), SEARCH, each, *searcher, reason, now) for each, _ in people])
    return Found(people, len(holding) > FOUND_MAX or len(ids) == CANDIDATES_MAX)


async def _holding(
    tx: ReadTx, vault: Vault, fragment: Fragment, ids: list[UUID], known: dict[UUID, Known]
) -> list[UUID]:
    """Those in whom the fragment stands in one piece."""
    if fragment.field is Field.PHONE:
        phones = await identity.contacts_of(tx, vault, "phone", ids)
        return [each for each in ids if fragment.stands_in(phones[each])]
    return [each for each in ids if fragment.stands_in(_names(known.get(each, NOTHING)))]


def _names(known: Known) -> list[str]:
    return names_of({name: fact.value for name, fact in known.facts.items()})
