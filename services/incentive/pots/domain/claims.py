"""Levels that members have claimed."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class ClaimState(StrEnum):
    """Where a claimed level stands."""

    PAID = "paid"
    TAKEN_BACK = "taken_back"


class LevelClaim(NamedTuple):
    """A level that a member has claimed; `ungiven_amount` of it is above the bounds of the asset's programme."""

    pot_id: UUID
    profile_id: str
    level: int
    amount: int
    score_min: int
    state: ClaimState
    claim_time: datetime
    ungiven_amount: int = 0

    @property
    def transfer_id(self) -> str:
        """Its payment's."""
        return f"pot/{self.pot_id}/level/{self.level}/{self.profile_id}"
