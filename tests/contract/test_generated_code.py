"""What is generated from the contracts is committed as generated."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import docs, protos

GENERATE = "import sys, pathlib; from tools import protos; protos.generate(pathlib.Path(sys.argv[1]))"


def generate(target: Path) -> None:
    """Generate in a process of its own: one that has loaded our options would write the same descriptors otherwise."""
    subprocess.run([sys.executable, "-c", GENERATE, str(target)], cwd=protos.ROOT, check=True)


def test_the_stubs_are_what_the_contracts_generate(tmp_path):
    generate(tmp_path)

    assert protos.stale(tmp_path) == [], "run make proto"


def test_generating_twice_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"

    for target in (first, second):
        target.mkdir()
        generate(target)

    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert names
    assert [name for name in names if (first / name).read_bytes() != (second / name).read_bytes()] == []


@pytest.mark.parametrize("page", ["errors.md", "events.md"])
def test_the_generated_pages_say_what_the_contracts_say(page):
    assert (docs.DOCS / page).read_text() == docs.pages()[page], "run make docs"
