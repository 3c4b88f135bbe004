"""Identifiers that are not taken in."""

from collections.abc import Sequence

from chassis.db import ReadTx
from services.profile.identity.domain import Claim
from services.profile.suppressions import operations as suppressions
from services.profile.vault.domain import Vault


async def admitted(tx: ReadTx, vault: Vault, sets: Sequence[Sequence[Claim]]) -> list[tuple[Claim, ...]]:
    """The sets of identifiers without those that are suppressed. A set may be left empty."""
    listed = await suppressions.listed(tx, vault, {claim.key for claims in sets for claim in claims})
    return [tuple(claim for claim in claims if claim.key not in listed) for claims in sets]
