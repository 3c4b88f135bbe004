"""Campaigns and their versions.

The columns that a simple campaign was made of before there were versions are kept for replicas of the previous version;
what those cannot judge looks to them like a campaign that answers to nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.incentive.campaigns.domain import (
    Amount,
    Campaign,
    Kind,
    Occasion,
    State,
    Terms,
    Trigger,
    Version,
    of_asset,
    per_person,
)
from services.incentive.campaigns.errors import CampaignNotFound

_SWITCH = 0x737769746368  # "switch"

_SELECT = """
SELECT campaign.campaign_id, name, state, budget_id, create_time, campaign.version, draft_version, stop_time,
       version.terms::text AS terms, trigger, trigger_value, net_minor_min, asset, fixed, order_rate_bp,
       rewards_per_profile_max, start_time, end_time, "when"
FROM campaign LEFT JOIN campaign_version AS version
    ON version.campaign_id = campaign.campaign_id AND version.version = campaign.version
"""

_INSERT = """
INSERT INTO campaign (campaign_id, name, state, budget_id, create_time, version, draft_version, stop_time,
                      answers_kind, answers_value, trigger, trigger_value, net_minor_min, asset, fixed, order_rate_bp,
                      rewards_per_profile_max, start_time, end_time, "when")
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
"""

_SAVE = """
UPDATE campaign SET state = $2, version = $3, draft_version = $4, stop_time = $5, answers_kind = $6, answers_value = $7,
    trigger = $8, trigger_value = $9, net_minor_min = $10, asset = $11, fixed = $12, order_rate_bp = $13,
    rewards_per_profile_max = $14, start_time = $15, end_time = $16, "when" = $17
WHERE campaign_id = $1
"""

_SAVE_VERSION = """
INSERT INTO campaign_version (campaign_id, version, terms, publish_time) VALUES ($1, $2, $3::text::jsonb, $4)
ON CONFLICT ON CONSTRAINT campaign_version_pkey
DO UPDATE SET terms = excluded.terms, publish_time = excluded.publish_time
WHERE campaign_version.publish_time IS NULL
"""

_ANSWERING = f"""
{_SELECT} WHERE state IN ('running', 'ended')
    AND coalesce(answers_kind, trigger) = $1 AND coalesce(answers_value, trigger_value) = ANY($2::text[])
    AND start_time <= $4 AND end_time > $3 AND (stop_time IS NULL OR stop_time > $3)
ORDER BY campaign.campaign_id
"""

_VERSIONS = """
SELECT version, terms::text AS terms, publish_time FROM campaign_version WHERE campaign_id = $1 AND version > $2
ORDER BY version LIMIT $3
"""

_TERMS = """
SELECT campaign_id, version, terms::text AS terms FROM campaign_version
WHERE (campaign_id, version) IN (SELECT * FROM unnest($1::uuid[], $2::integer[]))
"""

# What a replica of the previous version finds where it cannot judge: an event that nobody sends.
_NOTHING = ("event", "", 0)


async def hold_switch(tx: Tx) -> None:
    """Keep campaigns from being published, started and paused until the transaction ends.

    An advisory lock and not the campaign's row: it is granted in the order of asking, so that a pause does not starve
    behind an endless stream of grants.
    """
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock_shared($1)", _SWITCH)


async def turn_switch(tx: Tx) -> None:
    """Wait until no transaction judges claims; later ones see what this one changes."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _SWITCH)


async def insert_campaign(tx: Tx, campaign: Campaign) -> None:
    """Add a campaign with its first version."""
    terms = campaign.terms
    await (await driver(tx)).execute(
        _INSERT,
        campaign.campaign_id,
        campaign.name,
        campaign.state,
        campaign.budget_id,
        campaign.create_time,
        campaign.version,
        campaign.draft_version,
        campaign.stop_time,
        terms.trigger.kind,
        terms.trigger.value,
        *_simple(terms),
    )
    await save_version(tx, campaign.campaign_id, Version(campaign.version, terms))


async def save_campaign(tx: Tx, campaign: Campaign) -> None:
    """Keep where a campaign stands, and which version it is judged by."""
    terms = campaign.terms
    await (await driver(tx)).execute(
        _SAVE,
        campaign.campaign_id,
        campaign.state,
        campaign.version,
        campaign.draft_version,
        campaign.stop_time,
        terms.trigger.kind,
        terms.trigger.value,
        *_simple(terms),
    )


async def save_version(tx: Tx, campaign_id: UUID, version: Version) -> None:
    """Keep a version. One that was published does not change any more."""
    text = msgspec.json.encode(version.terms).decode()
    await (await driver(tx)).execute(_SAVE_VERSION, campaign_id, version.number, text, version.publish_time)


async def get_campaign(tx: ReadTx, campaign_id: UUID) -> Campaign:
    """A campaign with the terms of its version. Raises `CampaignNotFound`."""
    row = await (await driver(tx)).fetchrow(f"{_SELECT} WHERE campaign.campaign_id = $1", campaign_id)
    if row is None:
        raise CampaignNotFound(campaign_id)
    return _campaign(row)


async def lock_campaign(tx: Tx, campaign_id: UUID) -> Campaign:
    """A campaign, held until the transaction ends. Raises `CampaignNotFound`."""
    await (await driver(tx)).execute("SELECT FROM campaign WHERE campaign_id = $1 FOR NO KEY UPDATE", campaign_id)
    return await get_campaign(tx, campaign_id)


async def list_campaigns(tx: ReadTx, *, after: UUID, limit: int) -> list[Campaign]:
    """Campaigns that are not archived, oldest first."""
    query = f"{_SELECT} WHERE campaign.campaign_id > $1 AND state <> 'archived' ORDER BY campaign.campaign_id LIMIT $2"
    return [_campaign(row) for row in await (await driver(tx)).fetch(query, after, limit)]


async def find_campaigns(tx: ReadTx, campaign_ids: Collection[UUID]) -> dict[UUID, Campaign]:
    """The campaigns of these ids."""
    query = f"{_SELECT} WHERE campaign.campaign_id = ANY($1::uuid[])"
    rows = await (await driver(tx)).fetch(query, list(campaign_ids))
    return {row["campaign_id"]: _campaign(row) for row in rows}


async def find_answering(tx: ReadTx, kind: Kind, occasions: Collection[Occasion]) -> list[Campaign]:
    """The campaigns that answer to any of these, oldest first; also those that ended since they happened.

    Whoever gives for it holds the switch.
    """
    values, times = {occasion.value for occasion in occasions}, [occasion.time for occasion in occasions]
    rows = await (await driver(tx)).fetch(_ANSWERING, kind, list(values), min(times), max(times))
    return [_campaign(row) for row in rows]


async def list_versions(tx: ReadTx, campaign_id: UUID, *, after: int, limit: int) -> list[Version]:
    """Versions of a campaign, oldest first."""
    rows = await (await driver(tx)).fetch(_VERSIONS, campaign_id, after, limit)
    return [Version(row["version"], _terms(row["terms"]), row["publish_time"]) for row in rows]


async def find_version(tx: ReadTx, campaign: Campaign, number: int) -> Version:
    """A version that the campaign has."""
    versions = await list_versions(tx, campaign.campaign_id, after=number - 1, limit=1)
    return versions[0] if versions else Version(number, campaign.terms, campaign.create_time)


async def find_terms(tx: ReadTx, keys: Collection[tuple[UUID, int]]) -> dict[tuple[UUID, int], Terms]:
    """What versions say. Those of before there were versions are left out."""
    rows = await (await driver(tx)).fetch(_TERMS, [key[0] for key in keys], [key[1] for key in keys])
    return {(row["campaign_id"], row["version"]): _terms(row["terms"]) for row in rows}


@lru_cache(maxsize=4_000)
def _terms(text: str) -> Terms:
    return msgspec.json.decode(text, type=Terms)


def _campaign(row: Any) -> Campaign:
    terms = _terms(row["terms"]) if row["terms"] is not None else _simple_terms(row)
    return Campaign(
        campaign_id=row["campaign_id"],
        name=row["name"],
        state=State(row["state"]),
        terms=terms,
        budget_id=row["budget_id"],
        create_time=row["create_time"],
        version=row["version"],
        draft_version=row["draft_version"],
        stop_time=row["stop_time"],
    )


def _simple_terms(row: Any) -> Terms:
    """What a campaign of before there were versions says."""
    limit = row["rewards_per_profile_max"]
    return Terms(
        trigger=Trigger(Kind(row["trigger"]), row["trigger_value"], row["net_minor_min"]),
        effects=(of_asset(row["asset"], Amount(row["fixed"], row["order_rate_bp"])),),
        start_time=row["start_time"],
        end_time=row["end_time"],
        when=row["when"],
        limits=(per_person(limit),) if limit else (),
    )


def _simple(terms: Terms) -> Sequence[str | int | datetime | None]:
    """The columns of a simple campaign; for any other such that nothing comes of them."""
    window = (terms.start_time, terms.end_time, terms.when)
    limit = max((limit.cap for limit in terms.limits), default=0)
    trigger, effect = terms.trigger, terms.effects[0]
    plain = Terms(
        trigger=Trigger(trigger.kind, trigger.value, trigger.net_minor_min),
        effects=(of_asset(effect.asset, effect.tiers[0].amount),) if effect.tiers else (),
        start_time=terms.start_time,
        end_time=terms.end_time,
        when=terms.when,
        limits=(per_person(limit),) if limit else (),
    )
    if terms != plain or trigger.kind not in (Kind.EVENT, Kind.SEGMENT, Kind.ORDER):
        return (*_NOTHING, "", 1, None, 0, *window)
    amount = effect.tiers[0].amount
    answers = (trigger.kind, trigger.value, trigger.net_minor_min)
    return (*answers, effect.asset, amount.fixed, amount.order_rate_bp, limit, *window)
