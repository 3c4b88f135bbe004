"""Webhooks: nothing takes a call back, so it is made when the reward matures, and not before."""

from datetime import datetime
from uuid import UUID

from chassis.db import Tx
from services.incentive.campaigns import events, store
from services.incentive.campaigns.operations.granted import find_granted
from services.incentive.subjects import store as subjects

CALLS_MAX = 500


async def call_matured(tx: Tx, now: datetime) -> int:
    """Tell of the webhooks that are to be called by now. Returns how many calls were due.

    Nothing is called for what was taken back in full before, nor about people who were erased or are only stored.
    """
    due = await store.take_matured(tx, now, CALLS_MAX)
    if due:
        grants = await store.find_grants(tx, due.keys())
        people = await subjects.find_people(tx, {grant.profile_id for grant in grants})
        ids = {UUID(each) for person in people.values() for each in person.ids}
        barred = set(map(str, await subjects.barred_among(tx, ids)))
        called = [each for each in grants if not each.is_reversed and barred.isdisjoint(people[each.profile_id].ids)]
        granted = await find_granted(tx, called)
        calls = [(each, granted.terms_of(each).effects[each.effect - 1], due[each.grant_id]) for each in called]
        await events.webhooks_matured(tx, calls, now)
    return len(due)
