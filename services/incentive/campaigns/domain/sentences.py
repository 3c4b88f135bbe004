"""Sentences that tell members why they got something, or nothing: a campaign's own texts (spec value §2.3).

Placeholders are names of a closed list, and nothing else: no attribute, index, conversion or format can be asked for,
and what is put in is not looked into again.
"""

from collections.abc import Iterator, Mapping
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


class RefusePlaceholder(StrEnum):
    """What a sentence about a refusal can name."""

    CAMPAIGN = "campaign"
    REASON = "reason"
    DATE = "date"


def template_faults(template: str, known: type[StrEnum] = Placeholder) -> Iterator[str]:
    """What is wrong with a text with placeholders."""
    try:
        pieces = list(Formatter().parse(template))
    except ValueError:
        yield "a brace stands alone: write {{ and }} for braces"
        return
    for _, name, form, conversion in pieces:
        if name is not None and (name not in list(known) or form or conversion):
            asked = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            yield f"{{{asked}}} is no placeholder; known are {', '.join(known)}"


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

    values: dict[str, str] = {
        Placeholder.AMOUNT: amount(grant.given_amount),
        Placeholder.DESIRED_AMOUNT: amount(grant.desired_amount),
        Placeholder.REVERSED_AMOUNT: amount(grant.taken_amount),
        Placeholder.ASSET: asset,
        Placeholder.CAMPAIGN: campaign,
        Placeholder.REASON: _reason(terms.trigger),
        Placeholder.DATE: day_of(_time(grant), terms.time_zone).isoformat(),
    }
    return _filled(terms.explain_template, values)


def refusal_sentence(terms: Terms, reason: str, time: datetime, *, campaign: str) -> str:
    """The version's text about a refusal, with the campaign's name; empty without a text for the reason."""
    templates = {each.reason: each.template for each in terms.refuse_templates}
    values: dict[str, str] = {
        RefusePlaceholder.CAMPAIGN: campaign,
        RefusePlaceholder.REASON: reason,
        RefusePlaceholder.DATE: day_of(time, terms.time_zone).isoformat(),
    }
    return _filled(templates.get(reason, templates.get("", "")), values)


def _filled(template: str, values: Mapping[str, str]) -> str:
    pieces = Formatter().parse(template)
    return "".join(text + (values[name] if name is not None else "") for text, name, _, _ in pieces)


def _reason(trigger: Trigger) -> str:
    return trigger.value if trigger.kind == Kind.EVENT else _REASONS[trigger.kind]


def _time(grant: Grant) -> datetime:
    """When it happened; of a grant of before facts were stored, when it was given."""
    return datetime.fromisoformat(grant.snapshot["time"]) if grant.snapshot else grant.grant_time
