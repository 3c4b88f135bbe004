"""From what was read to what is shown: every invariant with its answer, then the figures."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from rich.console import Console
from rich.markup import escape

from suite.dataset import CURRENCY
from suite.demo.audit import COMMISSION, Findings
from suite.demo.plan import Expected, Plan
from suite.demo.world import ADVOCATE_BUDGET, POINTS, REWARD_ADVOCATES, REWARD_ORDERS, in_segment

DIGEST_CHARACTERS = 12
NAME_CHARACTERS = 17


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant: what must hold, whether it does, and the figures that say so."""

    name: str
    holds: bool
    detail: str


def checks(found: Findings, expected: Expected) -> list[Check]:
    """Every invariant."""
    return [
        *_order_checks(found, expected),
        *_ledger_checks(found),
        *_budget_checks(found),
        _equal("every acknowledged event is stored exactly once", found.events, expected.events),
        *_segment_checks(found),
        _equal("coupons issued", sum(each["issued_count"] for each in found.templates), expected.coupons_issued),
        _equal("coupons redeemed", sum(each["redeemed_count"] for each in found.templates), expected.coupons_redeemed),
        _equal("events that no consumer could handle", found.dead_letters, 0),
    ]


def _equal(name: str, found: int, expected: int) -> Check:
    return Check(name, found == expected, f"{found:,}" if found == expected else f"{found:,}, expected {expected:,}")


def _order_checks(found: Findings, expected: Expected) -> Iterator[Check]:
    orders = found.orders
    yield _equal("orders, each exactly once", orders.count, expected.orders)
    yield _equal("their net sum in cents is the data's", orders.net_minor, expected.net_minor)
    yield _equal("refunds in cents are the data's", orders.refunded_minor, expected.refunded_minor)


def _ledger_checks(found: Findings) -> Iterator[Check]:
    for asset, line in found.trial_balance.items():
        name = f"the ledger of {asset} sums to zero"
        yield _equal(name, line["debits"] - line["credits"], 0)
        yield _equal(f"no balance of {asset} disagrees with its entries", line["discrepancy"], 0)
    accrued = found.commissions["accrued_minor"]
    yield _equal("commissions accrued are what partners have in the ledger", found.partners_minor, accrued)
    liability = found.trial_balance.get(COMMISSION, {}).get("liability", 0)
    yield _equal("and what the brand owes them", liability, accrued)
    yield _equal("commissions that wait to be posted", found.commissions["unposted_count"], 0)


def _budget_checks(found: Findings) -> Iterator[Check]:
    for name, campaign in found.campaigns.items():
        spent, budget = campaign["spent"], campaign["budget"]
        yield Check(f"“{name}” keeps its budget", 0 <= spent <= budget, f"{spent:,} of {budget:,}")
        yield _equal(f"“{name}” spent what people were given", found.grants[name].kept, spent)
    given = sum(grants.kept for grants in found.grants.values())
    yield _equal("points owed are points given", found.trial_balance.get(POINTS, {}).get("liability", 0), given)


def _segment_checks(found: Findings) -> Iterator[Check]:
    for name, count in found.segments.items():
        members = found.members[name]
        again = {profile_id for profile_id, keys in found.tags.items() if in_segment(name, keys)}
        same = count == len(members) and members == again
        detail = f"{count:,}" if same else f"count {count:,}, listed {len(members):,}, by their tags {len(again):,}"
        yield Check(f"“{name}” are exactly those whose tags say so", same, detail)


def figures(found: Findings, plan: Plan, expected: Expected) -> dict[str, str]:
    """What there is to tell; the same in every run with the same days and seed."""
    truth, households = plan.simulation.truth, len(plan.journey.members)
    people = truth.profiles_created + households - truth.merges
    orders, advocates = found.grants[REWARD_ORDERS], found.grants[REWARD_ADVOCATES]
    points = found.trial_balance.get(POINTS, {}).get("liability", 0)
    steps = ", ".join(
        f"{step.lower().replace('_', ' ')} {count:,}" for step, count in sorted(found.orders.steps.items())
    )
    return {
        "people": _against(found.people, people),
        "merges": _against(found.merges, truth.merges),
        "orders": f"{found.orders.count:,}, {_money(found.orders.net_minor)}, credited: {steps}",
        "refunds": f"{expected.refunds:,}, {_money(found.orders.refunded_minor)}",
        "segments": ", ".join(f"{name} {count:,}" for name, count in found.segments.items()),
        "points issued": f"{orders.amount + advocates.amount:,} in {orders.count + advocates.count:,} grants",
        "points reversed": f"{orders.reversed_amount + advocates.reversed_amount:,}",
        "points owed": f"{points:,}",
        "small budget": f"{advocates.kept:,} of {ADVOCATE_BUDGET:,} spent on {advocates.count:,} advocates",
        "coupons": f"{expected.coupons_issued:,} issued, {expected.coupons_redeemed:,} redeemed",
        "commission": f"{_money(found.commissions['accrued_minor'])} accrued after reversals",
        "largest ripple": _ripple(found, plan),
    }


def _against(found: int, truth: int) -> str:
    if found == truth:
        return f"{found:,}, as the simulator's truth says"
    return f"{found:,}; the simulator's truth says {truth:,} (which knows no limits per type of identifier)"


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f} {CURRENCY}"


def _ripple(found: Findings, plan: Plan) -> str:
    ripple, truth = found.ripple, plan.simulation.truth.largest
    if not ripple:
        return "none"
    said = (
        f"{ripple['share_count']} shares by {ripple['sharer_count']} people, {ripple['visitor_count']} visitors, "
        f"{ripple['order_count']} orders, depth {ripple['depth']}, K {ripple['k_milli'] / 1000:.3f}"
    )
    if truth is not None and (truth.shares, truth.depth) != (ripple["share_count"], ripple["depth"]):
        said += f"; the simulator's truth says {truth.shares} shares, depth {truth.depth}"
    return said


def digest(shown: dict[str, str], found: Findings) -> str:
    """A short text that is the same when the figures are."""
    top = [[each["partner"]["name"], each["earned_minor"], each["order_count"]] for each in found.top]
    return hashlib.sha256(msgspec.json.encode([shown, top])).hexdigest()[:DIGEST_CHARACTERS]


def show(console: Console, found: Findings, plan: Plan, expected: Expected, answers: list[Check]) -> None:
    """Print figures and invariants."""
    shown = figures(found, plan, expected)
    lines = list(shown.items())
    for place, each in enumerate(found.top):
        said = f"{_money(each['earned_minor'])} on {each['order_count']:,} orders, {each['partner']['name']}"
        lines.append(("top guides" if not place else "", said))
    for asset, line in found.trial_balance.items():
        lines.append((asset, f"debits {line['debits']:,}, credits {line['credits']:,}, owed {line['liability']:,}"))
    same = f"the same in every run of {plan.days} days with seed {plan.seed}"
    lines.append(("digest", f"{digest(shown, found)} ({same})"))
    for name, value in lines:
        console.print(f"[bold]{name:<{NAME_CHARACTERS}}[/bold]{escape(value)}", soft_wrap=True, highlight=False)
    console.print()
    for check in answers:
        mark = "[green]✓[/green]" if check.holds else "[bold red]✗[/bold red]"
        console.print(f"{mark} {escape(check.name)}: {check.detail}", highlight=False, soft_wrap=True)
