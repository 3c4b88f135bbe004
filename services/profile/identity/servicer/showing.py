"""Who sees personal data as it is."""

from collections.abc import Callable
from typing import TypeVar

from chassis.caller import current

T = TypeVar("T")


def shown(message: T, masked: Callable[[T], T]) -> T:
    """The message as whoever asks may see it: components and people themselves whole, all others masked.

    Who has a reason to see more asks `RevealProfile`, which notes it.
    """
    caller = current().caller
    return message if caller.is_service or caller.profile_id else masked(message)
