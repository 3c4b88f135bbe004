"""The batch job: people who are alike come into the review queue, and are never merged by it (issue: duplicates)."""

import asyncio
import base64
import os
import subprocess
import sys

import pytest

from services.profile.suggestions import operations
from services.profile.suggestions.errors import TooManyPeople
from tests.service.profile.asking import ask
from tests.service.profile.reviewing import Item, decide, queue
from tests.service.profile.speaking import identifier, identify

KEY = base64.b64encode(bytes(range(32))).decode()
TRAITS = {"name": "Zhang Wei", "birthday": "1990-02-14", "address": "1 Nanjing Road", "postcode": "200001"}


async def two_alike(profile):
    return await profile.accepted(
        identify(user_id="u1", identifiers=[identifier("email", "zhang.wei@mail.cn")], traits=TRAITS),
        identify(
            user_id="u2",
            identifiers=[identifier("email", "zhang.wie@mail.cn")],
            traits={**TRAITS, "name": "Zhang Wie", "address": "1 Nanjing Rd"},
        ),
        identify(user_id="u3", traits={"name": "Li Si", "birthday": "1971-11-30"}),
    )


async def suggest(profile):
    return await operations.suggest(profile.db, profile.vault, profile.clock)


async def test_who_is_alike_comes_into_the_queue_and_nobody_is_merged(profile):
    one, other, _ = await two_alike(profile)

    assert await suggest(profile) == 1

    [item] = await queue(profile)
    assert (item.source, item.state) == (Item.SOURCE_SUGGESTION, Item.STATE_OPEN)
    assert {item.profile_id, item.other_profile_id} == {one, other}
    assert item.probability_bp > 9_900
    assert {each.field for each in item.weights} == {"name", "birthday", "address", "postcode", "email"}
    assert await profile.stats() == (3, 0, 3)


async def test_more_people_than_fit_are_refused_before_anything_is_compared(profile):
    await two_alike(profile)

    with pytest.raises(TooManyPeople):
        await operations.suggest(profile.db, profile.vault, profile.clock, people_max=2)

    assert await queue(profile) == []
    assert await operations.suggest(profile.db, profile.vault, profile.clock, people_max=3) == 1


async def test_who_was_decided_about_or_told_apart_is_not_suggested_again(profile):
    one, other, _ = await two_alike(profile)
    await suggest(profile)
    assert await suggest(profile) == 1
    [item] = await queue(profile)
    await decide(profile, item, "DISMISS")

    assert await suggest(profile) == 0
    await profile.merge(one, other)
    assert await suggest(profile) == 0
    assert [each.state for each in await queue(profile)] == [Item.STATE_DISMISSED]


async def test_h6_the_erased_are_not_compared(profile):
    one, _, _ = await two_alike(profile)
    await ask(profile, "ERASE", one)

    assert await suggest(profile) == 0


async def test_the_job_is_a_process_of_its_own(profile, database_url):
    await two_alike(profile)
    settings = {
        **os.environ,
        "BOWEN_DATABASE_URL": database_url,
        "BOWEN_VAULT_KEY": KEY,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    job = [sys.executable, "-m", "services.profile", "suggest"]

    done = await asyncio.to_thread(subprocess.run, job, env=settings, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(await queue(profile, source=Item.SOURCE_SUGGESTION)) == 1


def test_a_serving_process_does_not_load_what_the_job_needs():
    loaded = "import sys, services.profile.__main__; print(sorted({'splink', 'duckdb'} & sys.modules.keys()))"

    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
