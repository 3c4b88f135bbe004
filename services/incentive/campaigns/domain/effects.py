"""What campaigns give, and how it is taken back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

RATE_BP_MAX = 10_000
PACKET_MINOR_MIN, PACKET_MINOR_MAX = 100, 20_000
"""What providers carry in one packet."""

CALL_TYPE_DEFAULT = "reward.granted"

MAX_REWARD_DEPTH = 2
"""Paid levels: an inviter and the inviter's inviter. No setting raises it (spec value §2.4, 6; §8)."""


class Beneficiary(StrEnum):
    """Who gets an effect."""

    ACTOR = "actor"
    SHARER = "sharer"
    INVITER = "inviter"
    INVITER_OF_INVITER = "inviter_of_inviter"

    @property
    def level(self) -> int:
        """Steps up the reward tree from who acted."""
        return {Beneficiary.ACTOR: 0, Beneficiary.INVITER_OF_INVITER: MAX_REWARD_DEPTH}.get(self, 1)


class Gift(StrEnum):
    """What is given. The inverse of an asset is a clawback, of a coupon its revocation, of a tag its removal, of a
    packet and of progress in a mission that it is withdrawn. A webhook has none: it is called when it matures."""

    ASSET = "asset"
    COUPON = "coupon"
    TAG = "tag"
    PACKET = "packet"
    MISSION = "mission"
    WEBHOOK = "webhook"


class MaturityBase(StrEnum):
    """What the days of a maturity count from. A verification at pick-up is a delivery."""

    PAID = "paid"
    DELIVERED = "delivered"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Maturity:
    """When what is given matures."""

    base: MaturityBase
    days: int

    @property
    def awaits_delivery(self) -> bool:
        """Whether nothing matures before the order is delivered."""
        return self.base != MaturityBase.PAID

    def after(self, time: datetime) -> datetime:
        """When it matures, counted from its base."""
        return time + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Amount:
    """A fixed amount, or basis points of a net amount, in the asset's smallest unit."""

    fixed: int | None = None
    order_rate_bp: int | None = None

    def of(self, net_minor: int) -> int:
        """The amount, rounded down."""
        return self.fixed if self.fixed is not None else net_minor * (self.order_rate_bp or 0) // RATE_BP_MAX


@dataclass(frozen=True, slots=True)
class Tier:
    """What is given from a net amount on."""

    net_minor_min: int
    amount: Amount


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a campaign gives. Assets have `tiers`, by rising net amount; one tier from 0 is an amount."""

    gift: Gift
    asset: str = ""
    tiers: tuple[Tier, ...] = ()
    amount_max: int = 0
    template_id: UUID | None = None
    tag_id: UUID | None = None
    beneficiary: Beneficiary = Beneficiary.ACTOR
    budget_cost: int = 0
    arm: str = ""
    maturity: Maturity | None = None
    currency_code: str = ""
    wishing: str = ""
    mission_id: UUID | None = None
    progress: int = 1
    endpoint_id: UUID | None = None
    call_type: str = ""

    def amount(self, net_minor: int) -> int:
        """How much is given for a net amount: one of a coupon or a tag."""
        if not self.is_amount:
            return self.progress
        reached = [tier for tier in self.tiers if tier.net_minor_min <= net_minor]
        amount = reached[-1].amount.of(net_minor) if reached else 0
        if self.gift == Gift.PACKET:
            return min(amount, PACKET_MINOR_MAX) if amount >= PACKET_MINOR_MIN else 0
        return min(amount, self.amount_max) if self.amount_max else amount

    @property
    def is_amount(self) -> bool:
        """Whether there can be more or less of it."""
        return self.gift in (Gift.ASSET, Gift.PACKET)

    @property
    def is_of_net(self) -> bool:
        """Whether how much it is follows from a net amount."""
        return any(tier.net_minor_min or tier.amount.order_rate_bp is not None for tier in self.tiers)

    @property
    def budget_asset(self) -> str:
        """In what its budget counts; empty where it does not say."""
        return f"cash.{self.currency_code}" if self.gift == Gift.PACKET else self.asset

    def cost(self, amount: int) -> int:
        """What an amount takes from the budget."""
        if self.budget_cost:
            return self.budget_cost
        return amount if self.is_amount else 0

    @property
    def is_divisible(self) -> bool:
        """Whether a part of it can be given for a part of the budget."""
        return self.gift == Gift.ASSET and not self.budget_cost


def of_asset(asset: str, amount: Amount) -> Effect:
    """The effect of a simple campaign: an amount of an asset, to who acted."""
    return Effect(Gift.ASSET, asset, (Tier(0, amount),))
