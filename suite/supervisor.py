"""Starts processes, waits until they are ready, starts them again when they die, stops them in order.

A process never outlives its supervisor: the kernel ends it when the supervisor is killed (Linux), and the next
start ends whatever a pid file still names (everywhere).
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from suite import environment
from suite.faults import Fault

LOG_BYTES_MAX = 50_000_000
LOG_LINES_SHOWN = 15
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)

Tell = Callable[[str], None]


class ComponentFailed(Fault):
    """A process ended, or did not become ready, before the suite was up."""


@dataclass(frozen=True, slots=True)
class Component:
    """A process to keep running. `ready` is asked again and again until it says yes."""

    name: str
    command: tuple[str, ...]
    settings: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what, in seconds."""

    ready_max: float = 60.0
    poll: float = 0.1
    grace: float = 15.0
    restart_min: float = 0.5
    restart_max: float = 30.0
    stable: float = 60.0


class Supervisor:
    """Keeps the components running from `start` to `stop`. `tell` hears what a person should know."""

    def __init__(
        self, components: Sequence[Component], folder: Path, tell: Tell, patience: Patience | None = None
    ) -> None:
        self.components = tuple(components)
        self._folder = folder
        self._tell = tell
        self._patience = patience or Patience()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._ready: set[str] = set()
        self._stopping = False

    def pid(self, name: str) -> int:
        """The process id of a component; 0 while it does not run."""
        process = self._processes.get(name)
        return process.pid if process and process.returncode is None else 0

    def log(self, name: str) -> Path:
        """Where a component's output goes."""
        return self._folder / f"{name}.log"

    async def start(self) -> None:
        """Start all components and wait until each is ready. Raises `ComponentFailed`, and then none runs."""
        self._folder.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(end_leftovers, self._folder, self._patience.grace)
        for component in self.components:
            self._keepers[component.name] = asyncio.create_task(self._keep(component), name=component.name)
        try:
            await asyncio.gather(*(self._until_ready(component) for component in self.components))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the components one by one, the last started first; kill those that take longer than the grace."""
        self._stopping = True
        for component in reversed(self.components):
            await self._stop(component.name)

    async def _until_ready(self, component: Component) -> None:
        deadline = time.monotonic() + self._patience.ready_max
        keeper = self._keepers[component.name]
        while not await component.ready():
            if keeper.done():
                keeper.result()
            if time.monotonic() > deadline:
                raise ComponentFailed(self._with_log(component.name, "did not become ready"))
            await asyncio.sleep(self._patience.poll)
        self._ready.add(component.name)

    async def _keep(self, component: Component) -> None:
        """Run the component until told to stop, again and again, with growing pauses while it keeps dying."""
        pause = self._patience.restart_min
        while True:
            started = time.monotonic()
            code = await self._run(component)
            if self._stopping:
                return
            if component.name not in self._ready:
                raise ComponentFailed(self._with_log(component.name, f"{_ended(code)} while starting"))
            if time.monotonic() - started > self._patience.stable:
                pause = self._patience.restart_min
            self._tell(
                f"{component.name} {_ended(code)}; starting it again in {pause:g} s ({self.log(component.name)})"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._patience.restart_max)

    async def _run(self, component: Component) -> int:
        log = self.log(component.name)
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.old"))
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *component.command,
                env=environment.inherited(component.settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops the components in order
                preexec_fn=_end_with(os.getpid()),
            )
        self._processes[component.name] = process
        with _noted(self._folder / f"{component.name}.pid", process.pid):
            if self._stopping:
                _signal(process, signal.SIGTERM)
            return await process.wait()

    async def _stop(self, name: str) -> None:
        keeper, process = self._keepers.get(name), self._processes.get(name)
        if keeper is None:
            return
        if process is None or process.returncode is not None:
            keeper.cancel()
        else:
            _signal(process, signal.SIGTERM)
        _, late = await asyncio.wait([keeper], timeout=self._patience.grace)
        if late and process is not None:
            self._tell(f"{name} did not end within {self._patience.grace:g} s and was killed")
            _signal(process, signal.SIGKILL)
            await asyncio.wait([keeper])

    def _with_log(self, name: str, what: str) -> str:
        return f"{name} {what}. The end of {self.log(name)}:\n{tail(self.log(name))}"


def tail(path: Path, lines: int = LOG_LINES_SHOWN) -> str:
    """The last lines of a log that may be long."""
    if not path.exists():
        return "(nothing)"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 200 * lines * 4))
        shown = log.read().decode(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in shown) or "  (nothing)"


def end_leftovers(folder: Path, grace: float) -> None:
    """End the processes that an earlier supervisor could not stop, as its pid files name them."""
    found = [process for note in folder.glob("*.pid") if (process := _noted_process(note))]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(found, timeout=grace)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=grace)
    for note in folder.glob("*.pid"):
        note.unlink(missing_ok=True)


def _noted_process(note: Path) -> psutil.Process | None:
    """The process of a pid file, if it still runs. The time it was made tells it from a later one of that number."""
    with contextlib.suppress(psutil.Error, ValueError, OSError):
        pid, created = note.read_text().split()
        process = psutil.Process(int(pid))
        if f"{process.create_time():.2f}" == created:
            return process
    return None


@contextlib.contextmanager
def _noted(note: Path, pid: int) -> Iterator[None]:
    with contextlib.suppress(psutil.Error):  # it may have ended already
        note.write_text(f"{pid} {psutil.Process(pid).create_time():.2f}")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _end_with(parent: int) -> Callable[[], None] | None:
    """What a child does so that it is killed when its parent is. Linux only; elsewhere the pid files tell."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie
