"""A whole process on a real database and a real NATS: it starts, tells the truth, heals, and ends in order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis import dead_letters, lifecycle, migrate
from chassis.clock import SandboxClock
from chassis.command import command
from chassis.config import SettingsInvalid, load
from chassis.db import Database
from chassis.dead_letters import DeadLetter
from chassis.errors import Unavailable
from chassis.ids import new_id
from chassis.process import Process, ProcessSettings
from suite.embedded import NatsServer, Postgres, free_port
from tests.service.chassis.probe import NOON, ProbeSent, Seen, outbox_count, sent, tell
from tests.service.chassis.running import Servicer
from tests.trial import Ask, TrialStub, add_trial_to_server
from tests.waiting import eventually

MIGRATION = '''
"""The chassis' tables."""
from alembic import op
from chassis import schema
revision, down_revision, branch_labels, depends_on = "0001", None, None, None
def upgrade():
    for statement in schema.V1:
        op.execute(statement)
'''

_names = count(1)


@pytest.fixture
def migrations(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.py").write_text(MIGRATION)
    return folder


@pytest.fixture
async def own_nats(server_dir):
    """A NATS of the test's own, which it may kill."""
    server = NatsServer(server_dir / f"process-nats-{next(_names)}", free_port())
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def settings(postgres, own_nats):
    name = f"process_{next(_names)}"
    await postgres.create_databases(name)
    return ProcessSettings(listen="127.0.0.1:0", database_url=postgres.url(name), nats_url=own_nats.url(), grace_s=30)


@pytest.fixture
def migrated(settings, migrations):
    migrate.upgrade(settings.database_url, migrations)
    return settings


@asynccontextmanager
async def living(settings, migrations, assemble=None, stop=None):
    """A process that serves until the block ends; yields it and a channel to it."""
    stop = stop or asyncio.Event()
    async with Process.start(settings, name="probe", migrations=migrations, stop=stop) as process:
        if assemble is not None:
            await assemble(process)
        serving = asyncio.create_task(process.serve(stop))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{process.server.port}") as channel:
            yield process, channel
        stop.set()
        await asyncio.wait_for(serving, 60)


async def is_ready(channel, name="readiness"):
    ask = health_pb2.HealthCheckRequest(service=name)
    answer = await health_pb2_grpc.HealthStub(channel).Check(ask, wait_for_ready=True)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_process_serves_calls_and_events_and_is_ready(migrated, migrations):
    seen = await Seen(Database.open(migrated.database_url)).create()

    async def assemble(process):
        process.server.add(add_trial_to_server, Servicer())
        process.consumer().on(ProbeSent, seen)

    async with living(migrated, migrations, assemble) as (process, channel):
        await eventually(lambda: is_ready(channel))
        assert (await TrialStub(channel).Say(Ask(word="hello"))).word == "hello"
        await tell(process.db, sent("a"))
        await eventually(lambda: seen.batches == [["a"]])
    await seen.db.close()


async def test_facts_of_the_last_moment_are_published_before_the_end(migrated, migrations):
    async with living(migrated, migrations) as (process, channel):
        await eventually(lambda: is_ready(channel))
        await tell(process.db, *(sent(f"p{number}") for number in range(50)))

    db = Database.open(migrated.database_url)
    assert await outbox_count(db) == 0
    await db.close()


async def test_a_database_older_than_the_code_is_refused_in_one_sentence(settings, migrations):
    with pytest.raises(lifecycle.Unstartable, match="migrate"):
        async with Process.start(settings, name="probe", migrations=migrations, stop=asyncio.Event()):
            pass


async def test_without_nats_a_service_stays_ready_and_its_facts_wait(migrated, migrations, own_nats):
    async with living(migrated, migrations) as (process, channel):
        await eventually(lambda: is_ready(channel))

        await own_nats.kill()
        await eventually(lambda: not process.nats.healthy)
        await tell(process.db, sent("meanwhile"))
        assert await process.readiness.refresh()
        assert await is_ready(channel)

        await own_nats.start()
        await eventually(lambda: is_empty(process.db), within=60)


async def is_unready(channel):
    return not await is_ready(channel)


async def is_empty(db):
    return await outbox_count(db) == 0


async def test_a_database_that_comes_later_or_goes_is_waited_for(server_dir, own_nats, migrations):
    database = Postgres(server_dir / "process-postgres", free_port())
    async with database:
        migrate.upgrade(database.url(), migrations)
    settings = ProcessSettings(
        listen=f"127.0.0.1:{free_port()}", database_url=database.url(), nats_url=own_nats.url(), grace_s=5
    )
    stop = asyncio.Event()

    async def live():
        async with Process.start(settings, name="probe", migrations=migrations, stop=stop) as process:
            await process.serve(stop)

    process = asyncio.create_task(live())
    async with grpc.aio.insecure_channel(settings.listen) as channel:
        assert await is_ready(channel, "")
        assert not await is_ready(channel)

        async with database:
            await eventually(lambda: is_ready(channel) if not process.done() else process.result(), within=60)
            await database.kill()
            await eventually(lambda: is_unready(channel))
            await database.start()
            await eventually(lambda: is_ready(channel), within=60)
            stop.set()
            await asyncio.wait_for(process, 60)


async def test_a_process_that_waits_for_its_database_can_be_stopped(migrations):
    settings = ProcessSettings(listen="127.0.0.1:0", database_url=f"postgresql://127.0.0.1:{free_port()}/none")
    stop = asyncio.Event()

    async def live():
        async with Process.start(settings, name="probe", migrations=migrations, stop=stop):
            raise AssertionError("there is no database")

    process = asyncio.create_task(live())
    asyncio.get_running_loop().call_later(0.3, stop.set)
    with pytest.raises(lifecycle.Stopped):
        await asyncio.wait_for(process, 60)


async def test_background_work_outlives_outages_and_ends_the_process_when_it_crashes(migrated, migrations):
    outcomes = [Unavailable("away"), None, RuntimeError("broken")]

    async def work():
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome

    stop = asyncio.Event()
    async with Process.start(migrated, name="probe", migrations=migrations, stop=stop) as process:
        process.every(0.01, "sweep", work)
        with pytest.raises(RuntimeError, match="broken"):
            await asyncio.wait_for(process.serve(stop), 60)

    assert outcomes == []


SCRIPT = """
import sys
from pathlib import Path
from chassis.command import command
from chassis.process import ProcessSettings
from tests.service.chassis.probe import ProbeSent

async def handle(tx, batch):
    print("handled", batch[0].event.probe_id, flush=True)

async def assemble(process):
    process.consumer("watcher").on(ProbeSent, handle)

sys.exit(command("probe", ProcessSettings, Path(sys.argv[1]), assemble, sys.argv[2:]))
"""


def started(settings, migrations, *arguments):
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "BOWEN_LISTEN": settings.listen,
        "BOWEN_DATABASE_URL": settings.database_url,
        "BOWEN_NATS_URL": settings.nats_url,
    }
    command_line = [sys.executable, "-c", SCRIPT, str(migrations), *arguments]
    return subprocess.Popen(command_line, env=environ, stdout=subprocess.PIPE, text=True)


async def outcome_of(settings, migrations, *arguments):
    process = started(settings, migrations, *arguments)
    output, _ = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, output.splitlines()


async def test_the_command_line_migrates_serves_and_stops_when_told(settings, migrations):
    refused, lines = await outcome_of(settings, migrations)
    assert refused == 1
    assert "migrate" in json.loads(lines[-1])["error"]

    assert (await outcome_of(settings, migrations, "migrate"))[0] == 0
    process = started(settings, migrations)
    events = []
    while "serving" not in events:
        events.append(json.loads(await asyncio.to_thread(process.stdout.readline))["event"])
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.to_thread(process.communicate, timeout=60)

    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1])["event"] == "stopped"


async def test_dead_letters_are_listed_and_replayed(migrated, migrations):
    event_id = new_id()
    payload = ProbeSent(probe_id="p1").SerializeToString()
    letter = DeadLetter(
        "watcher", event_id, "probe", "bowen.probe.v1.probe.sent", payload, NOON, "", "ValueError: no", 5
    )
    db = Database.open(migrated.database_url)
    await db.transact(lambda tx: dead_letters.bury(tx, letter))

    code, lines = await outcome_of(migrated, migrations, "dead-letters")
    assert code == 0
    assert [json.loads(line)["event_id"] for line in lines] == [str(event_id)]

    code, lines = await outcome_of(migrated, migrations, "replay", str(event_id))
    assert code == 0
    assert "handled p1" in lines
    assert (await outcome_of(migrated, migrations, "dead-letters"))[1] == []
    assert (await outcome_of(migrated, migrations, "replay", str(event_id)))[0] == 1
    await db.close()


def test_settings_that_are_wrong_end_the_command_with_two(monkeypatch, capsys):
    monkeypatch.delenv("BOWEN_DATABASE_URL", raising=False)

    with pytest.raises(SystemExit) as ended:
        command("probe", ProcessSettings, Path(), lambda process: None, [])

    assert ended.value.code == 2
    assert "BOWEN_DATABASE_URL is required" in capsys.readouterr().err


def test_a_sandbox_needs_a_time_to_start_from():
    environ = {"BOWEN_LISTEN": "x:1", "BOWEN_DATABASE_URL": "x", "BOWEN_SANDBOX": "true"}

    with pytest.raises(SettingsInvalid, match="BOWEN_SANDBOX_START is required"):
        load(ProcessSettings, environ)

    clock = load(ProcessSettings, environ | {"BOWEN_SANDBOX_START": "2025-01-01T00:00:00Z"}).clock()
    assert isinstance(clock, SandboxClock)
    assert clock.now().year == 2025
