"""What the READMEs tell people to type does what they say it does."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.world import World

pytestmark = pytest.mark.timeout(120)


def walk(readme: Path, heading: str) -> str:
    """The commands of a README under a heading, as printed."""
    text = readme.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))


async def test_the_walk_of_incentive_runs_as_printed_and_again(world: World):
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("the walk is typed into bash and needs curl")
    _, profile_id = await world.a_person()
    nouns = ("ledger", "holds", "coupons")
    made = await world.api.post(
        "/v1/api-keys",
        {
            "name": world.unique("walk"),
            "scopes": [f"incentive.{noun}:{verb}" for noun in nouns for verb in ("read", "write")],
        },
    )
    commands = walk(ROOT / "services" / "incentive" / "README.md", "A walk with curl")
    assert commands.count("curl") >= 12

    said = [await run(commands, world.suite.url, made["key"], profile_id) for _ in range(2)]

    assert all(re.findall(r"/problems/\w+", text) == ["/problems/INSUFFICIENT"] for text in said), said
    assert all(" 422 " in text and "idempotency-replayed: true" in text.lower() for text in said)
    assert '"replayed":true' in said[1]
    assert '"pending":20' in said[0]
    assert all('"state":"VOIDED"' in text for text in said)
    assert all('"refunded_amount":50' in text for text in said)
    assert await world.points(profile_id) == 120
    coupons = (await world.api.get(f"/v1/profiles/{profile_id}/coupons"))["coupons"]
    assert [coupon["state"] for coupon in coupons] == ["ISSUED", "REDEEMED"]
    assert all('"verdict":"REDEEMED"' in text and '"state":"RETURNED"' in text for text in said)


async def run(commands: str, url: str, key: str, person: str) -> str:
    """Type the commands into a shell that stops at the first that fails."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", commands.replace("curl -sS", "curl -sS --fail-with-body"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"URL": url, "KEY": key, "PERSON": person, "NO_PROXY": "*"},
    )  # fmt: skip
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said
