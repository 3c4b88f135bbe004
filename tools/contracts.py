"""Checks the contracts: style, compatibility, generated code. `python -m tools.contracts [--base COMMIT]`.

buf reads descriptor sets, so it needs no module registry: the imports come from pinned packages.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import protos

BUF = protos.BIN / "buf"
CONFIG = ("--config", str(protos.ROOT / "buf.yaml"))


def lint(image: Path) -> bool:
    """Check the house style of the contracts."""
    return subprocess.run([BUF, "lint", image, *CONFIG], cwd=protos.ROOT).returncode == 0


def compatible(image: Path, base: str, scratch: Path) -> bool:
    """Check that a program built from the contracts of commit `base` understands today's."""
    earlier = _at(base)
    if earlier is None:
        print(f"contracts: {base} is not here or has no contracts; compatibility not checked")
        return True
    against = scratch / "base.binpb"
    against.write_bytes(earlier)
    return subprocess.run([BUF, "breaking", image, "--against", against, *CONFIG], cwd=protos.ROOT).returncode == 0


def _at(commit: str) -> bytes | None:
    where = f"{commit}:{(protos.GENERATED / protos.DESCRIPTORS).relative_to(protos.ROOT)}"
    shown = subprocess.run(["git", "show", where], cwd=protos.ROOT, capture_output=True)
    return shown.stdout if shown.returncode == 0 else None


def fresh(scratch: Path) -> bool:
    """Check that the committed stubs and descriptors are what the contracts generate."""
    target = scratch / "gen"
    target.mkdir()
    protos.generate(target)
    names = protos.stale(target)
    for name in names:
        print(f"proto/gen/{name} is not up to date: run make proto")
    return not names


def main() -> int:
    """Run all checks, even when one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="HEAD^", help="the commit to stay compatible with (default: %(default)s)")
    base = parser.parse_args().base
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        image = scratch / "image.binpb"
        protos.describe(image)
        passed = [lint(image), compatible(image, base, scratch), fresh(scratch)]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
