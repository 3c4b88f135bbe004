"""Grants and refusals in a sentence."""

from collections.abc import Sequence
from datetime import datetime

from chassis.db import ReadTx
from services.incentive.campaigns.domain import Campaign, Gift, Grant, Refusal, Terms
from services.incentive.campaigns.domain.sentences import currency_of, refusal_sentence, sentence
from services.incentive.campaigns.operations.granted import find_granted
from services.incentive.coupons.store import templates
from services.incentive.ledger.store import find_programmes
from services.incentive.missions import store as missions


async def say(tx: ReadTx, campaign: Campaign, terms: Terms, grant: Grant, now: datetime) -> str:
    """What the version that a grant was judged by tells its member; empty when it has no text for that."""
    if not terms.explain_template:
        return ""
    asset = currency_of(terms, grant) or await _name(tx, terms, grant, now)
    return sentence(terms, grant, campaign=campaign.name, asset=asset)


async def say_why_not(tx: ReadTx, refusals: Sequence[Refusal]) -> list[str]:
    """What the versions that refused tell of it, each empty when there is no text for the reason."""
    judged = await find_granted(tx, refusals)
    return [
        refusal_sentence(
            judged.terms_of(each), each.reason, each.refuse_time, campaign=judged.campaigns[each.campaign_id].name
        )
        for each in refusals
    ]


async def _name(tx: ReadTx, terms: Terms, grant: Grant, now: datetime) -> str:
    """What members call what was given: what has no name is called by its kind."""
    effect = terms.effects[grant.effect - 1]
    match grant.gift:
        case Gift.ASSET:
            programmes = await find_programmes(tx, {grant.asset}, now)
            return programmes[grant.asset].name if grant.asset in programmes else grant.asset
        case Gift.COUPON if effect.template_id:
            return (await templates.find_templates(tx, {effect.template_id}))[effect.template_id].name
        case Gift.MISSION if effect.mission_id:
            return (await missions.find_missions(tx, {effect.mission_id}))[effect.mission_id].name
        case _:
            return grant.gift
