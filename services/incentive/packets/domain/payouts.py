"""What is asked of whoever pays packets out, and what they say. An adapter of a provider is a `Payout`."""

from enum import StrEnum
from typing import NamedTuple, Protocol


class Bill(NamedTuple):
    """What a provider is asked to send. Of one number it sends one packet, however often it is asked."""

    bill_no: str
    profile_id: str
    payee: str
    amount_minor: int
    currency_code: str
    wishing: str


class Word(StrEnum):
    """What a provider says about a bill number.

    `UNKNOWN` is all that leaves it open whether the packet is or will be sent; `MISSING` says that the number was
    never accepted.
    """

    UNKNOWN = "unknown"
    MISSING = "missing"
    REJECTED = "rejected"
    SENT = "sent"
    CLAIMED = "claimed"
    RETURNED = "returned"


class Answer(NamedTuple):
    """A provider's word, with its code for the fault that it found."""

    word: Word
    code: str = ""


class Payout(Protocol):
    """Whoever pays packets out. Both questions may be asked any number of times, by several replicas at once."""

    async def send(self, bill: Bill) -> Answer:
        """Have a packet sent. `REJECTED` is said only when it will never be sent under this number."""
        ...

    async def query(self, bill_no: str) -> Answer:
        """How a packet stands."""
        ...
