"""Sentences that tell members why they got something: a campaign's own text with placeholders (spec value §2.3).

Placeholders are names of a closed list, and nothing else: no attribute, index, conversion or format can be asked for,
and what is put in is not looked into again.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from re import compile as pattern
from string import Formatter

from logic.calendar import day_of
from logic.money import amount_text
from services.incentive.campaigns.domain.returns import Grant
from services.incentive.campaigns.domain.terms import Terms
from services.incentive.campaigns.domain.triggers import Kind, Trigger

_CASH = pattern(r"cash\.([A-Z]{3})")
_REASONS = {
    Kind.SEGMENT: "SEGMENT_ENTERED",
    Kind.ORDER: "ORDER_PAID",
    Kind.DELIVERY: "ORDER_DELIVERED",
    Kind.REFUND: "ORDER_REFUNDED",
    Kind.CLICK: "SHARE_CLICKED",
}


class Placeholder(StrEnum):
    """What a sentence can name."""

    AMOUNT = "amount"
    DESIRED_AMOUNT = "desired_amount"
    REVERSED_AMOUNT = "reversed_amount"
    ASSET = "asset"
    CAMPAIGN = "campaign"
    REASON = "reason"
    DATE = "date"


def template_faults(template: str) -> Iterator[str]:
    """What is wrong with a text with placeholders."""
    try:
        pieces = list(Formatter().parse(template))
    except ValueError:
        yield "a brace stands alone: write {{ and }} for braces"
        return
    for _, name, form, conversion in pieces:
        if name is not None and (name not in list(Placeholder) or form or conversion):
            asked = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            yield f"{{{asked}}} is no placeholder; known are {', '.join(Placeholder)}"


def currency_of(terms: Terms, grant: Grant) -> str:
    """The currency of what was given; empty for what is no money."""
    if not grant.asset:
        return terms.effects[grant.effect - 1].currency_code
    cash = _CASH.fullmatch(grant.asset)
    return cash[1] if cash else ""


def sentence(terms: Terms, grant: Grant, *, campaign: str, asset: str) -> str:
    """The version's text about a grant, with the names of the campaign and of what was given; empty without a text."""
    currency_code = currency_of(terms, grant)

    def amount(value: int) -> str:
        return amount_text(value, currency_code) if currency_code else str(value)

    values = {
        Placeholder.AMOUNT: amount(grant.given_amount),
        Placeholder.DESIRED_AMOUNT: amount(grant.desired_amount),
        Placeholder.REVERSED_AMOUNT: amount(grant.taken_amount),
        Placeholder.ASSET: asset,
        Placeholder.CAMPAIGN: campaign,
        Placeholder.REASON: _reason(terms.trigger),
        Placeholder.DATE: day_of(_time(grant), terms.time_zone).isoformat(),
    }
    pieces = Formatter().parse(terms.explain_template)
    return "".join(text + (values[Placeholder(name)] if name is not None else "") for text, name, _, _ in pieces)


def _reason(trigger: Trigger) -> str:
    return trigger.value if trigger.kind == Kind.EVENT else _REASONS[trigger.kind]


def _time(grant: Grant) -> datetime:
    """When it happened; of a grant of before facts were stored, when it was given."""
    return datetime.fromisoformat(grant.snapshot["time"]) if grant.snapshot else grant.grant_time
