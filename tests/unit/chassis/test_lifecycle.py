"""A process ends when it is told, fails loudly, leaves no task behind, and says truthfully whether it is ready."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from chassis import lifecycle
from chassis.lifecycle import Readiness, Stopped, Tasks
from tests.waiting import eventually


def test_a_main_that_ends_well_exits_with_zero():
    async def main(stop: asyncio.Event) -> None:
        assert not stop.is_set()

    assert lifecycle.run(main) == 0


def test_a_main_that_fails_exits_with_one():
    async def main(stop: asyncio.Event) -> None:
        raise RuntimeError("no")

    assert lifecycle.run(main) == 1


def test_a_process_that_is_stopped_while_it_starts_exits_with_zero():
    async def main(stop: asyncio.Event) -> None:
        raise Stopped

    assert lifecycle.run(main) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_stop_event(number):
    async def main(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 30)

    assert lifecycle.run(main) == 0


def test_a_second_signal_ends_the_process_at_once():
    code = (
        "import asyncio, sys; from chassis import lifecycle\n"
        "async def main(stop):\n"
        "    print('up', flush=True); await stop.wait(); print('stopping', flush=True); await asyncio.Event().wait()\n"
        "sys.exit(lifecycle.run(main))"
    )
    environ = {"PYTHONPATH": ":".join(sys.path), "PATH": ""}
    with subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        while process.stdout.readline() != "stopping\n":
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)

        assert process.wait(10) == 130


async def test_a_background_task_that_crashes_stops_the_process_and_is_reported():
    stop = asyncio.Event()

    async def crash() -> None:
        raise RuntimeError("broken")

    async def live() -> None:
        async with Tasks(stop) as tasks:
            tasks.start(crash, name="crash")
            await stop.wait()

    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(live(), 30)


async def test_tasks_end_with_their_block():
    began, ended = [], []

    async def work(name: str) -> None:
        began.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with Tasks(asyncio.Event()) as tasks:
        tasks.start(lambda: work("a 1"), name="a 1")
        tasks.start(lambda: work("a 2"), name="a 2")
        tasks.start(lambda: work("b"), name="b")
        await eventually(lambda: len(began) == 3)
        await tasks.end("a")
        assert sorted(ended) == ["a 1", "a 2"]

    assert sorted(ended) == ["a 1", "a 2", "b"]
    assert len(asyncio.all_tasks()) == 1


async def test_two_tasks_cannot_have_one_name():
    async def work() -> None:
        await asyncio.Event().wait()

    async with Tasks(asyncio.Event()) as tasks:
        tasks.start(work, name="a")
        with pytest.raises(ValueError, match="runs already"):
            tasks.start(work, name="a")


async def test_readiness_follows_its_checks_both_ways():
    published, broken = [], True

    async def publish(ready: bool) -> None:
        published.append(ready)

    async def check() -> None:
        if broken:
            raise OSError("no route")

    readiness = Readiness(publish, every_s=0.01)
    readiness.add("database", check)
    async with Tasks(asyncio.Event()) as tasks:
        tasks.start(readiness.run, name="readiness")
        await eventually(lambda: published)
        assert readiness.faults == {"database": "no route"}
        broken = False
        await eventually(lambda: published[-1])
        assert readiness.faults == {}
        broken = True
        await eventually(lambda: not published[-1])


async def test_a_check_that_hangs_is_a_check_that_fails(monkeypatch):
    monkeypatch.setattr(lifecycle, "CHECK_SECONDS_MAX", 0.01)
    published = []

    async def publish(ready: bool) -> None:
        published.append(ready)

    async def hang() -> None:
        await asyncio.Event().wait()

    readiness = Readiness(publish)
    readiness.add("slow", hang)

    assert not await readiness.refresh()
    assert published == [False]
