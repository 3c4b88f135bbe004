"""The runbook's commands name things that exist, and its SQL runs."""

import re
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from chassis.nats import DUPLICATE_SECONDS, REQUEST_SECONDS_MAX, RETENTION_DAYS, STREAM_BYTES_MAX
from chassis.process import FLUSH_SECONDS_MAX, ProcessSettings
from deploy.k8s.policy import callgraph
from deploy.k8s.policy.render import available, render, unpack

ROOT = Path(__file__).parent.parent.parent
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
README = (ROOT / "deploy" / "k8s" / "README.md").read_text(encoding="utf-8")
SQL = re.findall(r"```sql\n(.*?)```", RUNBOOK, re.DOTALL)


@pytest.mark.parametrize("statement", SQL)
async def test_a_statement_of_the_runbook_runs(statement: str, fresh_database: Callable[[str], str]) -> None:
    connection = await asyncpg.connect(fresh_database("chassis"))

    try:
        assert await connection.fetch(statement) is not None
    finally:
        await connection.close()


def test_the_runbook_has_statements_to_run() -> None:
    assert len(SQL) >= 5


@pytest.mark.skipif(not available(), reason="kubectl is not installed, so no overlay can be rendered")
def test_a_command_names_objects_that_are_deployed(tmp_path: Path) -> None:
    rendered = render(unpack(callgraph.ROOT, tmp_path / "k8s") / "overlays" / "dev")
    there = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in rendered.objects}
    blocks = "".join(re.findall(r"```\n(.*?)```", RUNBOOK + README, re.DOTALL))
    named = set(re.findall(r"\b(?:deployment|statefulset|service|job)/[a-z0-9-]+", blocks))
    named |= {f"job/{name}" for name in re.findall(r"delete job ([a-z0-9-]+)", blocks)}

    assert named
    assert named - there == set()


@pytest.mark.skipif(not available(), reason="kubectl is not installed, so no overlay can be rendered")
def test_the_first_step_of_an_upgrade_leaves_out_the_deployments_and_nothing_else(tmp_path: Path) -> None:
    rendered = render(unpack(callgraph.ROOT, tmp_path / "k8s") / "overlays" / "dev")
    servers = [
        each
        for each in rendered.objects
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "server"
    ]

    assert servers == list(rendered.of("Deployment"))


def test_the_drain_of_a_process_fits_in_the_grace_that_pods_are_given() -> None:
    settings = ProcessSettings(listen="127.0.0.1:0", database_url="postgresql://")

    assert (
        settings.drain_s + settings.grace_s + FLUSH_SECONDS_MAX + REQUEST_SECONDS_MAX <= callgraph.load().drain_seconds
    )


def test_the_runbook_states_the_limits_of_the_code() -> None:
    assert f"keeps {RETENTION_DAYS} days and {STREAM_BYTES_MAX // 1024**3} GiB" in RUNBOOK
    assert f"running calls have {ProcessSettings(listen='', database_url='').grace_s:.0f} s" in RUNBOOK
    assert DUPLICATE_SECONDS >= 120  # JetStream drops what the relay repeats after a pod was replaced
