"""What one event or row says about who somebody is."""

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Origin, Trust

_by_rank = attrgetter("grade.rank")


class Previous(NamedTuple):
    """The other id of an alias: which of the two it is shows when we see who holds it."""

    as_user: Claim
    as_anonymous: Claim


class Evidence(NamedTuple):
    """Identifiers of one person, the highest-ranked first, with what their source may claim."""

    claims: tuple[Claim, ...]
    origin: Origin
    previous: Previous | None = None

    def named(self) -> tuple[Claim, ...]:
        """All identifiers that have to be looked at."""
        return self.claims if self.previous is None else self.claims + self.previous

    def keys_named(self) -> list[bytes]:
        """Their keys."""
        return [claim.key for claim in self.named()]

    def proven(self) -> int:
        """Which identifiers were proven: bit n tells it of the n-th."""
        return sum(1 << at for at, claim in enumerate(self.claims) if claim.verified)


def ranked(claims: Iterable[Claim]) -> list[Claim]:
    """Each identifier once, in its strongest form, the highest-ranked first."""
    several = list(claims)
    if len(several) < 2:
        return several
    strongest: dict[bytes, Claim] = {}
    for claim in several:
        known = strongest.get(claim.key)
        if known is None or claim.verified > known.verified:
            strongest[claim.key] = claim
    return sorted(strongest.values(), key=_by_rank)


def admitted(claims: Iterable[Claim], trust: Trust) -> tuple[list[Claim], list[Claim]]:
    """What a source may claim, and what it may not: in public at most one that is not weak (§3.4, step 2)."""
    ordered = ranked(claims)
    if trust is Trust.SERVER:
        return ordered, []
    excess = [claim for claim in ordered if not claim.grade.is_weak][1:]
    if not excess:
        return ordered, []
    return [claim for claim in ordered if claim not in excess], excess
