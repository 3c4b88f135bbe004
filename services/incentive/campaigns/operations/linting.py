"""What publishing finds: in the terms, and in what they rest on."""

from collections.abc import Collection, Iterator
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx
from services.incentive.campaigns.domain import Effect, Gift, Terms
from services.incentive.campaigns.domain.lint import Finding, Severity, lint
from services.incentive.coupons.store import templates
from services.incentive.ledger.store import find_programmes
from services.incentive.missions import store as missions

_NO_MISSION = "no mission that takes progress has this id"


async def find(tx: ReadTx, terms: Terms, before: Terms | None, now: datetime) -> list[Finding]:
    """All there is to say about a version, hard findings first. `before` is the published one; None for the first."""
    return [*await _of_others(tx, terms, now), *lint(terms, before)]


async def _of_others(tx: ReadTx, terms: Terms, now: datetime) -> list[Finding]:
    wanted = {effect.template_id for effect in terms.effects if effect.template_id}
    known = set(await templates.find_templates(tx, wanted)) if wanted else set()
    maturing = {effect.asset for effect in terms.effects if effect.maturity and effect.maturity.days}
    programmes = set(await find_programmes(tx, maturing, now)) if maturing else set()
    aimed = {effect.mission_id for effect in terms.effects if effect.mission_id}
    countable = {each for each, mission in (await missions.find_missions(tx, aimed)).items() if mission.takes_progress}
    return [
        *(
            Finding(f"effects[{number}].mission.mission_id", "MISSION_UNKNOWN", Severity.HARD, _NO_MISSION)
            for number, effect in enumerate(terms.effects)
            if effect.mission_id and effect.mission_id not in countable
        ),
        *_of_all(terms, known, programmes),
    ]


def _of_all(terms: Terms, known: Collection[UUID], programmes: Collection[str]) -> list[Finding]:
    return [
        finding
        for number, effect in enumerate(terms.effects)
        for finding in _of_effect(f"effects[{number}]", effect, known, programmes)
    ]


def _of_effect(path: str, effect: Effect, known: Collection[UUID], programmes: Collection[str]) -> Iterator[Finding]:
    if effect.template_id and effect.template_id not in known:
        yield Finding(f"{path}.coupon.template_id", "TEMPLATE_UNKNOWN", Severity.HARD, "no coupon template has this id")
    if effect.gift == Gift.ASSET and effect.maturity and effect.maturity.days and effect.asset not in programmes:
        detail = f"nothing matures of {effect.asset}, which has no programme"
        yield Finding(f"{path}.maturity", "MATURITY_PROGRAMME", Severity.HARD, detail)
