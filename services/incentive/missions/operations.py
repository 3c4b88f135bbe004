"""What changes missions, and what they do about facts: hold, count, settle, pay, tell.

Rows are held in one order everywhere: missions, members, budgets, accounts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.budgets import operations as budgets
from services.incentive.budgets import store as budget_store
from services.incentive.budgets.domain import Budget
from services.incentive.ledger import operations as ledger
from services.incentive.ledger.domain.earnings import Claim
from services.incentive.missions import domain, events, store
from services.incentive.missions.domain import SCOPE, Deed, Gain, Loss, Mission, Purchase, Push, State, Verdict
from services.incentive.missions.store import Member
from services.incentive.subjects import store as subjects
from services.incentive.subjects.errors import MergedMeanwhile


async def create_mission(tx: Tx, mission: Mission, budget: Budget) -> None:
    """Add a mission with a budget of its own."""
    await budget_store.insert_budget(tx, budget)
    await store.insert_mission(tx, mission)


async def set_state(tx: Tx, mission_id: UUID, state: State) -> Mission:
    """Let a mission count, or count no more. Raises `MissionNotFound`."""
    mission = replace(await store.lock_mission(tx, mission_id), state=state)
    await store.save_state(tx, mission)
    return mission


async def count(tx: Tx, deeds: Sequence[Deed | Purchase], *, now: datetime) -> None:
    """Have what people did count in running missions, each deed once, and settle what they have completed by it.

    What refunds took of purchases is taken from all missions, paused ones too.
    """
    names = {deed.name if isinstance(deed, Deed) else "" for deed in deeds}
    steps = domain.steps_of(await store.hold_counting(tx, names), deeds)
    touched = await store.add_steps(tx, steps)
    touched |= await store.withdraw(tx, domain.withdrawals_of(each for each in deeds if isinstance(each, Purchase)))
    if touched:
        await _settle(tx, touched, now)


async def give(tx: Tx, owners: Mapping[UUID, str], *, now: datetime) -> None:
    """Have facts, by id, count for who they turned out to be of, and settle what that completes and undoes."""
    if touched := await store.give_steps(tx, owners):
        await _settle(tx, touched, now)


async def push(tx: Tx, pushes: Sequence[Push], *, now: datetime) -> None:
    """Have progress that campaigns gave count in running missions, and no longer what they took back."""
    gifts = [push for push in pushes if not push.withdrawn]
    missions = await store.hold_running(tx, {push.mission_id for push in gifts})
    missions |= await store.find_missions(tx, {push.mission_id for push in pushes if push.withdrawn} - missions.keys())
    touched = await store.push_steps(tx, domain.pushed(missions, pushes))
    if touched:
        await _settle(tx, touched, now)


async def _settle(tx: Tx, touched: set[Member], now: datetime) -> None:
    missions = await store.find_missions(tx, {mission_id for mission_id, _ in touched})
    people = await subjects.find_people(tx, {profile_id for _, profile_id in touched})
    members = {(mission_id, each) for mission_id, profile_id in touched for each in people[profile_id].ids}
    await store.lock_members(tx, members)
    if await subjects.find_people(tx, people.keys()) != people:
        raise MergedMeanwhile
    record = await store.read_record(tx, members)
    restricted = await subjects.restricted_people(tx, people.values())
    persons = {(mission_id, people[each].profile_id): people[each] for mission_id, each in touched}
    changes = [
        change
        for (mission_id, _), person in sorted(persons.items())
        for change in domain.changes(
            missions[mission_id], person.profile_id, *record.of((mission_id, each) for each in person.ids)
        )
        if isinstance(change, Loss) or person not in restricted
    ]
    if changes:
        await _carry_out(tx, changes, now)


async def _carry_out(tx: Tx, changes: Sequence[Gain | Loss], now: datetime) -> None:
    """Pay what was gained and take back what was lost. Only now budgets are held: most deeds complete nothing."""
    refilled = {change.mission.budget_id for change in changes if isinstance(change, Loss)}
    purse = await budgets.open_purse(
        tx, refilled, wants=[change.want for change in changes if isinstance(change, Gain)]
    )
    verdicts = [change.verdict(purse) for change in changes]
    await budgets.save_purse(tx, purse)
    await store.save_completions(tx, [(verdict.mission.mission_id, verdict.completion) for verdict in verdicts])
    if lost := [_clawback(verdict, now) for verdict in verdicts if verdict.amount < 0]:
        await ledger.take_back(tx, SCOPE, lost)
    gained = [_payment(verdict, now) for verdict in verdicts if verdict.amount > 0]
    ungiven = await ledger.earn(tx, SCOPE, gained)
    given = [each._replace(amount=each.amount - ungiven.get(each.transfer_id, 0)) for each in verdicts]
    await events.missions_judged(tx, given, now=now)


def _payment(verdict: Verdict, now: datetime) -> Claim:
    mission = verdict.mission
    return Claim(
        transfer_id=verdict.transfer_id,
        issuer=f"issuer/{mission.mission_id}",
        profile_id=verdict.profile_id,
        asset=mission.asset,
        amount=abs(verdict.amount),
        post_time=now,
        memo=mission.name,
    )


def _clawback(verdict: Verdict, now: datetime) -> Claim:
    transfer_id = verdict.transfer_id
    return _payment(verdict, now)._replace(transfer_id=f"{transfer_id}/back", reverses=transfer_id)
