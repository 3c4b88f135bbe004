"""Why somebody was rewarded: the terms of a version, held against what was stored of the fact (spec value RW-03)."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.incentive.campaigns.domain.campaigns import LATENESS_MAX
from services.incentive.campaigns.domain.returns import Grant
from services.incentive.campaigns.domain.terms import Terms, compile_when


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    held: bool
    detail: str


def explain(terms: Terms, grant: Grant) -> list[Check]:
    """All that was looked at; nothing for a grant of before facts were stored."""
    return list(_checks(terms, grant)) if grant.snapshot else []


def _checks(terms: Terms, grant: Grant) -> Iterator[Check]:
    found = grant.snapshot
    time, known_time = (datetime.fromisoformat(found[name]) for name in ("time", "known_time"))
    yield from _of_fact(terms, found, time, known_time)
    if terms.when:
        yield Check("CONDITION", compile_when(terms.when).test(found["facts"]), terms.when)
    if terms.audience is not None:
        of = f"copy {found['snapshot_id']} of " if "snapshot_id" in found else ""
        yield Check("AUDIENCE", held=True, detail=f"in {of}segment {found['segment_id']}")
    if "purchase" in found:
        low, high = terms.trigger.purchase_min, terms.trigger.purchase_max or found["purchase"]
        yield Check("PURCHASE_NUMBER", low <= found["purchase"] <= high, f"purchase {found['purchase']}")
    if terms.experiment is not None:
        yield Check("EXPERIMENT", held=True, detail=f"arm {grant.arm}" if grant.arm else "not held out")
    for limit in terms.limits:
        yield Check(
            "LIMIT", held=True, detail=f"at most {limit.cap} {limit.action} per {limit.entity} ({limit.period})"
        )
    yield Check("BUDGET", held=True, detail=f"paid {grant.amount} of {grant.desired_amount}")
    if grant.ungiven_amount:
        yield Check(
            "BOUNDS",
            held=False,
            detail=f"{grant.ungiven_amount} of it did not reach the person: the programme is bounded",
        )
    if grant.return_time is not None:
        yield Check("PACKET", held=False, detail=f"came back at {grant.return_time.isoformat()}: {grant.return_reason}")


def _of_fact(terms: Terms, found: Mapping[str, Any], time: datetime, known_time: datetime) -> Iterator[Check]:
    trigger = terms.trigger
    net = found["net_minor"] or 0
    detail = f"{trigger.kind} {trigger.value}".strip() + (f", net {net}" if trigger.kind.has_net else "")
    yield Check("TRIGGER", net >= trigger.net_minor_min, detail)
    window = f"{time.isoformat()} in [{terms.start_time.isoformat()}, {terms.end_time.isoformat()})"
    yield Check("WINDOW", terms.start_time <= time < terms.end_time, window)
    yield Check("LATENESS", known_time - time <= LATENESS_MAX, f"known at {known_time.isoformat()}")
