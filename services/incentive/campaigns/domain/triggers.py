"""What campaigns answer to: the catalogue of facts."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of facts that campaigns answer to."""

    EVENT = "event"
    SEGMENT = "segment"
    ORDER = "order"
    DELIVERY = "delivery"
    REFUND = "refund"
    CLICK = "click"

    @property
    def is_order(self) -> bool:
        """Whether the fact is an order's, which a refund takes back. Its cause is the order."""
        return self in (Kind.ORDER, Kind.DELIVERY)

    @property
    def has_net(self) -> bool:
        """Whether the fact has a net amount that rates and tiers can count."""
        return self.is_order or self == Kind.REFUND


class Act(StrEnum):
    """What people do. The value is the name of the event that says so."""

    REGISTER = "Signed Up"
    FOLLOW = "Channel Followed"
    SCAN = "Code Scanned"
    JOIN_GROUP = "Group Joined"
    CHECK_IN = "Checked In"
    SHARE = "Product Shared"
    HELP = "Friend Helped"
    COLLECT = "Item Collected"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a campaign answers to. `value` is the event's name or the segment's id; empty for all else.

    `purchase_min` and `purchase_max` number a person's purchases from 1; 0 leaves them out, as it does
    `registered_days_max`.
    """

    kind: Kind
    value: str = ""
    net_minor_min: int = 0
    act: Act | None = None
    purchase_min: int = 0
    purchase_max: int = 0
    registered_days_max: int = 0

    @property
    def counts_purchases(self) -> bool:
        """Whether it matters which purchase of the person an order is."""
        return bool(self.purchase_min or self.purchase_max)

    @property
    def is_registration(self) -> bool:
        """Whether it counts once per person."""
        return self.act == Act.REGISTER
