"""Which campaign gives what to whom for what happened. Pure: the same facts on the same state are judged alike.

A fact is judged at the time at which it happened, in the campaign's window `[start_time, end_time)`. Every pair of
campaign and cause is judged once for ever; a campaign that does not run, or whose window the fact is outside of, does
not judge it at all.
"""

from services.incentive.campaigns.domain.campaigns import Campaign, State, Version
from services.incentive.campaigns.domain.dockets import Denial, Docket, Exposure, Refusal, RefusalKey
from services.incentive.campaigns.domain.effects import Amount, Beneficiary, Effect, Gift, Tier, of_asset
from services.incentive.campaigns.domain.judging import judge
from services.incentive.campaigns.domain.limits import Counters, Limit, per_person
from services.incentive.campaigns.domain.occasions import Claim, Miss, Occasion, Reason, claims_of
from services.incentive.campaigns.domain.returns import (
    Grant,
    PaidOrder,
    Refund,
    Reversal,
    Use,
    due,
    highest,
    reversals_of,
)
from services.incentive.campaigns.domain.terms import Audience, Terms
from services.incentive.campaigns.domain.triggers import Act, Kind, Trigger

__all__ = [
    "Act",
    "Amount",
    "Audience",
    "Beneficiary",
    "Campaign",
    "Claim",
    "Counters",
    "Denial",
    "Docket",
    "Effect",
    "Exposure",
    "Gift",
    "Grant",
    "Kind",
    "Limit",
    "Miss",
    "Occasion",
    "PaidOrder",
    "Reason",
    "Refusal",
    "RefusalKey",
    "Refund",
    "Reversal",
    "State",
    "Terms",
    "Tier",
    "Trigger",
    "Use",
    "Version",
    "claims_of",
    "due",
    "highest",
    "judge",
    "of_asset",
    "per_person",
    "reversals_of",
]
