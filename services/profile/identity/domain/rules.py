"""The numbers by which it is decided who is who: a value handed to the algorithm, so that others can be tried."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules (spec people §3). Every merge records the version by which it was decided."""

    version: int = 2
    merges_max: int = 100
    links_max: int = 1000


RULES = Rules()
