"""Bundles behind one-time links, from the request to the zip file: spec people §5.2, H5."""

import asyncio
import base64
import hashlib
import io
import json
import random
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from bowen.profile.v1.privacy_service_pb2_grpc import add_PrivacyServiceServicer_to_server
from bowen.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server

from chassis.clock import FixedClock, SystemClock
from chassis.db import Database, driver
from chassis.server import Server
from services.profile.identity.servicer import ProfileServicer
from services.profile.privacy import operations
from services.profile.privacy.servicer import PrivacyServicer
from services.profile.vault.domain import Vault
from tests.service.gateway.conftest import ROOT, Door, Start
from tests.service.profile.vaults import a_vault
from tests.waiting import eventually

OTHERS = ("distribution", "incentive", "tagging")


class World(NamedTuple):
    door: Door
    db: Database
    clock: FixedClock
    vault: Vault

    async def bundle(self, *, parts: int = 1) -> str:
        """A request whose bundle is whole."""
        row = {"row_id": "1", "identifiers": [{"type": "member_no", "value": "M-1"}], "attributes": {"name": "Zhang"}}
        imported = await self.door.post("/v1/profiles:import", headers=ROOT, json={"source_id": "crm", "rows": [row]})
        person = imported.json()["outcomes"][0]["profile_id"]
        body = {"type": "ACCESS", "profile_id": person}
        made = await self.door.post("/v1/privacy/requests", headers={**ROOT, "idempotency-key": "access-1"}, json=body)
        assert made.status_code == 202, made.text
        request_id = made.json()["privacy_request"]["privacy_request_id"]
        filler = base64.b64encode(random.Random(7).randbytes(180_000)).decode()  # no zip makes it small
        async with self.db.read() as tx:
            [[raw]] = await (await driver(tx)).fetch("SELECT max(privacy_request_id::text)::uuid FROM privacy_request")
        for service in OTHERS:
            for number in range(parts):
                line = json.dumps({"kind": "thing", "number": number, "filler": filler if parts > 1 else ""}) + "\n"
                await self.db.transact(
                    lambda tx, service=service, number=number, line=line: operations.provide(
                        tx, self.vault, raw, service, number, parts, line, now=self.clock.now()
                    )
                )
        return str(request_id)

    async def link(self, request_id: str, **body: int) -> str:
        answer = await self.door.post(f"/v1/privacy/requests/{request_id}/bundle:link", headers=ROOT, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["path"])

    async def audit(self) -> list[tuple[str, str]]:
        answer = await self.door.get("/v1/privacy/audit", headers=ROOT)
        return [(each["actor"], each["reason"].partition(": ")[2]) for each in answer.json()["entries"]]


@pytest.fixture
async def world(fresh_database: Callable[[str], str], start: Start) -> AsyncIterator[World]:
    db, clock = Database.open(fresh_database("profile")), FixedClock(datetime(2026, 11, 25, tzinfo=UTC))
    vault = await a_vault(db)
    server = Server(listen="127.0.0.1:0", service="profile", clock=SystemClock())
    server.add(add_ProfileServiceServicer_to_server, ProfileServicer(db, clock, vault))
    server.add(add_PrivacyServiceServicer_to_server, PrivacyServicer(db, clock, vault))
    port = await server.start()
    yield World(await start(profile_target=f"127.0.0.1:{port}"), db, clock, vault)
    await server.stop(0)
    await db.close()


async def test_h5_a_link_gives_the_bundle_once_as_a_zip_with_hashes(world: World):
    request_id = await world.bundle()
    path = await world.link(request_id)

    got = await world.door.get(path)

    assert (got.status_code, got.headers["content-type"]) == (200, "application/zip")
    assert got.headers["cache-control"] == "no-store"
    packed = zipfile.ZipFile(io.BytesIO(got.content))
    assert packed.testzip() is None
    manifest = json.loads(packed.read("manifest.json"))
    assert manifest["privacy_request_id"] == request_id
    assert set(manifest["files"]) == {f"{name}.jsonl" for name in ("profile", *OTHERS)}
    for name, told in manifest["files"].items():
        content = packed.read(name)
        assert told["sha256"] == hashlib.sha256(content).hexdigest()
        assert told["lines"] == len([json.loads(line) for line in content.splitlines()])
    assert "Zhang" in packed.read("profile.jsonl").decode()
    assert "profile.jsonl" in packed.read("index.html").decode()
    again = await world.door.get(path)
    assert (again.status_code, again.json()["type"]) == (410, "/problems/BUNDLE_LINK_GONE")
    assert again.headers["cache-control"] == "no-store"
    told = await world.audit()
    assert [what.split(",")[0] for _, what in told] == ["download 1 complete", "download 1 began", "link made"]
    token = path.rpartition("/")[2]
    async with world.db.read() as tx:
        rows = await (await driver(tx)).fetch("SELECT t::text AS row FROM bundle_link t")
    assert all(token not in row["row"] for row in rows)


async def test_a_link_ends_with_its_time_a_newer_one_or_too_many_tries(world: World):
    request_id = await world.bundle()
    old = await world.link(request_id)
    new = await world.link(request_id, hours=2)
    strange = f"/v1/privacy/bundles/{'A' * 43}"

    assert (await world.door.get(old)).status_code == 410
    assert (await world.door.get(strange)).status_code == 404
    assert (await world.door.head(new)).status_code == 405
    world.clock.advance(7200)
    assert (await world.door.get(new)).status_code == 410

    tried = await world.link(request_id)
    token = tried.rpartition("/")[2]
    for _ in range(5):
        await world.db.transact(lambda tx: operations.open_link(tx, token, now=world.clock.now()))
    assert (await world.door.get(tried)).status_code == 410


async def test_a_download_that_breaks_off_may_begin_anew(world: World):
    path = await world.link(await world.bundle(parts=24))

    async with world.door.stream("GET", path) as broken:
        assert broken.status_code == 200
        async for _ in broken.aiter_raw(1):
            break
    async with asyncio.timeout(60):
        got = await world.door.get(path)

    assert got.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(got.content)).testzip() is None

    async def used() -> bool:
        return "download 2 complete" in [what for _, what in await world.audit()]

    await eventually(used)
