"""The official builds of Segment's SDKs that people have in use, installed as people install them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALL_SECONDS = 120
SEND_SECONDS = 90
UNREACHABLE = ("Max retries exceeded", "NewConnectionError", "No matching distribution", "ENOTFOUND", "ECONNREFUSED",
               "EAI_AGAIN", "ETIMEDOUT", "ENETUNREACH", "ECONNRESET", "network", "timed out", "TIMEOUT",
               "HTTP error 5", "HTTP error 429", "E429", "E500", "E502", "E503", "E504")  # fmt: skip
"""What pip and npm say when no registry answers as it should. Whatever else they say is a fault of ours."""


@dataclass(frozen=True)
class Build:
    """One build of one SDK. `attempts` of a batch, with three retries allowed, by the status of the answer."""

    language: str
    version: str
    attempts_401: int
    waits_as_told: bool

    def __str__(self) -> str:
        return f"{self.language}-{self.version}"

    @property
    def can_pack(self) -> bool:
        """Whether it can send its bodies compressed."""
        return self.language == "python"

    def installed(self, cache: Path) -> Path:
        """Where the build stands, installed there once. Skips the test when it cannot be had here."""
        folder = cache / str(self)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (self._install_python if self.language == "python" else self._install_node)(folder)
            (folder / "done").touch()
        return folder

    def _install_python(self, folder: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--target", str(folder))
        _install([*pip, "--require-hashes", "-r", str(HERE / "python" / f"{self.version}.txt")], folder)

    def _install_node(self, folder: Path) -> None:
        if not shutil.which("node") or not shutil.which("npm"):
            pytest.skip("Segment's Node SDK needs Node.js with npm, and there is none here")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / self.version / name, folder)
        shutil.copy(HERE / "send.js", folder)
        _install(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)

    def send(self, folder: Path, **asked: Any) -> list[str]:
        """Send in a process of its own; returns what the SDK says went wrong."""
        text = json.dumps({"gzip": False, "batch": 15, "retries": 3, "kinds": False, "tracks": 1, **asked})
        if self.language == "python":
            command, path = [sys.executable, str(HERE / "send.py"), text], {"PYTHONPATH": str(folder)}
        else:
            command, path = ["node", "send.js", text], {}
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | path,
            capture_output=True,
            text=True,
            timeout=SEND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        faults: list[str] = json.loads(done.stdout.splitlines()[-1])
        return faults


def _install(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the package registry gave nothing within {INSTALL_SECONDS} s")
    if done.returncode:
        said = done.stdout + done.stderr
        if any(word in said for word in UNREACHABLE):
            pytest.skip(f"the package registry cannot be reached: {said.strip().splitlines()[-1]}")
        raise AssertionError(said)


BUILDS = (
    Build("python", "2.3.4", attempts_401=1, waits_as_told=False),
    Build("python", "2.4.0", attempts_401=1, waits_as_told=True),
    Build("node", "2.2.1", attempts_401=4, waits_as_told=False),
    Build("node", "3.1.0", attempts_401=1, waits_as_told=True),
)
"""What each does is `spec people` §2.4, measured there against a stub; here the gateway answers."""
