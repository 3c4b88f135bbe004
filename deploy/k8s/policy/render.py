"""Rendering an overlay the way `kubectl apply -k` does."""

import shutil
import subprocess
from pathlib import Path

import yaml

from deploy.k8s.policy.objects import Rendered

RENDER_SECONDS_MAX = 30


class RenderFailed(Exception):
    """The overlay does not render, or renders with a warning."""


def available() -> bool:
    """Whether kubectl is installed."""
    return shutil.which("kubectl") is not None


def render(directory: Path) -> Rendered:
    """Render a kustomization; a warning fails it as an error does."""
    command = ["kubectl", "kustomize", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RENDER_SECONDS_MAX)
    if done.returncode or done.stderr.strip():
        raise RenderFailed(f"{directory}: {done.stderr.strip() or done.returncode}")
    return parse(done.stdout)


def parse(text: str) -> Rendered:
    """Read a stream of manifests."""
    return Rendered([each for each in yaml.safe_load_all(text) if each])


def unpack(source: Path, target: Path) -> Path:
    """Copy the deployment's files and make the development env files from their examples."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("policy", "__pycache__"), dirs_exist_ok=True)
    for example in target.rglob("*.env.example"):
        shutil.copyfile(example, example.with_suffix(""))
    return target


def kustomizations(root: Path) -> list[Path]:
    """Every overlay and every tested combination of components."""
    return sorted(each.parent for part in ("overlays", "tests") for each in (root / part).glob("*/kustomization.yaml"))
