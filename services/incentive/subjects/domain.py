"""What a person is: several profiles over time, one of which stands for all."""

from typing import NamedTuple


class Person(NamedTuple):
    """The profile that stands for a person now, and all that ever did, itself included."""

    profile_id: str
    ids: frozenset[str]


class Lead(NamedTuple):
    """Whom a profile stands for, itself maybe, and the merge that made it so."""

    profile_id: str
    root_id: str
    merge_id: str
