"""Levels, when they are reached and when they are lost. Pure (spec value §2.6)."""

from services.incentive.tiers.domain.programme import Downgrade, Level, Metric, Programme, Window
from services.incentive.tiers.domain.standing import (
    Change,
    Earning,
    Reason,
    Standing,
    Step,
    earned_between,
    evaluated,
    highest,
    parted,
    placed,
)

__all__ = [
    "Change",
    "Downgrade",
    "Earning",
    "Level",
    "Metric",
    "Programme",
    "Reason",
    "Standing",
    "Step",
    "Window",
    "earned_between",
    "evaluated",
    "highest",
    "parted",
    "placed",
]
