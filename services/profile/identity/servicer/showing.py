"""Who sees personal data as it is."""

from collections.abc import Callable, Collection
from typing import TypeVar

from chassis.caller import current
from chassis.db import ReadTx
from services.profile.attributes import store as attributes

T = TypeVar("T")


async def masking(tx: ReadTx, masked: Callable[[T, Collection[str]], T]) -> Callable[[T], T]:
    """How to mask, with the attributes that are sensitive now."""
    names = await attributes.sensitive_names(tx)
    return lambda message: masked(message, names)


def shown(message: T, masked: Callable[[T], T]) -> T:
    """The message as whoever asks may see it: components and people themselves whole, all others masked.

    Who has a reason to see more asks `RevealProfile`, which notes it.
    """
    caller = current().caller
    return message if caller.is_service or caller.profile_id else masked(message)
