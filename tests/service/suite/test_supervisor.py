"""The supervisor, with real processes of a line or two."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from suite.supervisor import Component, ComponentFailed, Patience, Supervisor, end_leftovers
from tests.waiting import eventually

QUICK = Patience(ready_max=60, poll=0.01, grace=60, restart_min=0.01, restart_max=0.05)


def program(tmp_path: Path, name: str, code: str) -> Component:
    """A component that is ready once it has made the file `<name>.ready`."""
    flag = tmp_path / f"{name}.ready"

    async def ready() -> bool:
        return flag.exists()

    return Component(name, (sys.executable, "-c", code), {"FLAG": str(flag), "HERE": str(tmp_path)}, ready)


def server(tmp_path: Path, name: str, on_stop: str = "pass") -> Component:
    """A component that waits for SIGTERM and then ends with exit code 0."""
    code = f"""
import os, pathlib, signal, sys
def stop(*_):
    {on_stop}
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path(os.environ["FLAG"]).touch()
while True: signal.pause()
"""
    return program(tmp_path, name, code)


@pytest.fixture
def told() -> list[str]:
    return []


async def test_it_starts_all_and_stops_the_last_started_first(tmp_path, told):
    note = "open(os.environ['HERE'] + '/order', 'a').write('{} ')"
    names = ("first", "second", "third")
    components = [server(tmp_path, name, note.format(name)) for name in names]
    supervisor = Supervisor(components, tmp_path / "run", told.append, QUICK)

    await supervisor.start()
    pids = [supervisor.pid(name) for name in names]
    assert all(psutil.pid_exists(pid) for pid in pids)
    await supervisor.stop()

    assert (tmp_path / "order").read_text().split() == ["third", "second", "first"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert list((tmp_path / "run").glob("*.pid")) == []
    assert told == []


async def test_a_component_that_dies_is_started_again(tmp_path, told):
    supervisor = Supervisor([server(tmp_path, "mortal")], tmp_path / "run", told.append, QUICK)
    await supervisor.start()
    first = supervisor.pid("mortal")

    os.kill(first, signal.SIGKILL)
    await eventually(lambda: supervisor.pid("mortal") not in (0, first))

    assert "mortal was ended by SIGKILL; starting it again" in told[0]
    await supervisor.stop()
    assert supervisor.pid("mortal") == 0


async def test_a_component_that_keeps_dying_is_started_again_after_growing_pauses(tmp_path, told):
    code = "import os, pathlib; pathlib.Path(os.environ['FLAG']).touch(); os._exit(3)"
    supervisor = Supervisor([program(tmp_path, "doomed", code)], tmp_path / "run", told.append, QUICK)
    (tmp_path / "doomed.ready").touch()

    await supervisor.start()
    await eventually(lambda: len(told) >= 4)
    await supervisor.stop()

    pauses = [line.split(" in ")[1].split(" s ")[0] for line in told[:4]]
    assert pauses == ["0.01", "0.02", "0.04", "0.05"]
    assert "doomed ended with exit code 3" in told[0]


async def test_a_component_that_ends_while_starting_is_a_fault_that_shows_its_log(tmp_path, told):
    broken = program(tmp_path, "broken", "import sys; sys.exit('the settings are wrong')")
    neighbour = server(tmp_path, "neighbour")
    supervisor = Supervisor([neighbour, broken], tmp_path / "run", told.append, QUICK)

    with pytest.raises(
        ComponentFailed, match=r"(?s)broken ended with exit code 1 while starting.*the settings are wrong"
    ):
        await supervisor.start()

    assert supervisor.pid("neighbour") == 0


async def test_a_component_that_never_becomes_ready_is_a_fault(tmp_path, told):
    slow = program(tmp_path, "slow", "import signal; signal.pause()")
    impatient = Patience(ready_max=0.2, poll=0.01, grace=5)
    supervisor = Supervisor([slow], tmp_path / "run", told.append, impatient)

    with pytest.raises(ComponentFailed, match="slow did not become ready"):
        await supervisor.start()

    assert supervisor.pid("slow") == 0


async def test_a_component_that_will_not_end_is_killed_after_the_grace(tmp_path, told):
    deaf = "import os, pathlib, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    deaf += "pathlib.Path(os.environ['FLAG']).touch()\nwhile True: signal.pause()"
    brief = Patience(ready_max=60, poll=0.01, grace=0.2)
    supervisor = Supervisor([program(tmp_path, "deaf", deaf)], tmp_path / "run", told.append, brief)
    await supervisor.start()
    pid = supervisor.pid("deaf")

    await supervisor.stop()

    assert told == ["deaf did not end within 0.2 s and was killed"]
    assert not psutil.pid_exists(pid)


async def test_stopping_ends_a_component_that_waits_to_be_started_again(tmp_path, told):
    patience = Patience(ready_max=60, poll=0.01, restart_min=1000, restart_max=1000)
    supervisor = Supervisor([server(tmp_path, "mortal")], tmp_path / "run", told.append, patience)
    await supervisor.start()
    os.kill(supervisor.pid("mortal"), signal.SIGKILL)
    await eventually(lambda: bool(told))

    async with asyncio.timeout(30):
        await supervisor.stop()

    assert supervisor.pid("mortal") == 0


async def test_the_settings_of_a_component_replace_contradicting_ones(tmp_path, told, monkeypatch):
    monkeypatch.setenv("BOWEN_DATABASE_URL_FILE", "/somewhere/else")
    flag = tmp_path / "asked.ready"
    code = "import os, pathlib; print(sorted(n for n in os.environ if n.startswith('BOWEN_'))); "
    code += f"pathlib.Path({str(flag)!r}).touch(); import signal; signal.pause()"

    async def ready() -> bool:
        return flag.exists()

    component = Component("asked", (sys.executable, "-c", code), {"BOWEN_DATABASE_URL": "x"}, ready)
    supervisor = Supervisor([component], tmp_path / "run", told.append, QUICK)
    await supervisor.start()
    await supervisor.stop()

    assert supervisor.log("asked").read_text() == "['BOWEN_DATABASE_URL']\n"


RUNNER = """
import asyncio, pathlib, sys
from suite.supervisor import Component, Supervisor

async def main():
    folder = pathlib.Path(sys.argv[1])
    async def ready(): return (folder / "ready").exists()
    code = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).touch(); signal.pause()"
    child = Component("child", (sys.executable, "-c", code, str(folder / "ready")), {}, ready)
    supervisor = Supervisor([child], folder / "run", print)
    await supervisor.start()
    print(supervisor.pid("child"), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends them, as the next test shows")
async def test_no_component_outlives_a_supervisor_that_is_killed(tmp_path):
    command = (sys.executable, "-c", RUNNER, str(tmp_path))
    runner = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    child = int(await runner.stdout.readline())
    assert psutil.pid_exists(child)

    runner.kill()
    await runner.communicate()

    await eventually(lambda: not psutil.pid_exists(child))


async def test_a_start_ends_what_an_earlier_supervisor_left_running(tmp_path):
    left = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    created = psutil.Process(left.pid).create_time()
    (tmp_path / "left.pid").write_text(f"{left.pid} {created:.2f}")

    await asyncio.to_thread(end_leftovers, tmp_path, 5)

    await left.wait()  # its return code is lost when psutil reaps the child before asyncio does
    assert not psutil.pid_exists(left.pid)
    assert list(tmp_path.iterdir()) == []


async def test_a_pid_file_never_ends_a_later_process_of_that_number(tmp_path):
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    (tmp_path / "old.pid").write_text(f"{stranger.pid} 1000000000.00")

    await asyncio.to_thread(end_leftovers, tmp_path, 5)

    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()
    assert list(tmp_path.iterdir()) == []
