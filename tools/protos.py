"""Generates the stubs and descriptors from the contracts: `python -m tools.protos`."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import google.api
import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
GENERATED = PROTO / "gen"
DESCRIPTORS = Path("bowen/descriptors.binpb")
NOWHERE = (0, 0, 0)  # a location must have a span; ours would change with every comment
BIN = Path(sys.executable).parent

# google/api/*.proto and google/protobuf/*.proto, both out of pinned packages.
IMPORT_ROOTS = (
    PROTO,
    Path(next(iter(google.api.__path__))).parents[1],
    Path(next(iter(grpc_tools.__path__))) / "_proto",
)


def contracts() -> list[Path]:
    """Every contract, relative to the import root, in a stable order."""
    return sorted(path.relative_to(PROTO) for path in (PROTO / "bowen").rglob("*.proto"))


def protoc(files: Sequence[Path], *outputs: str) -> None:
    """Run the compiler of the pinned package. It prints what is wrong with a contract itself."""
    imports = [f"-I{root}" for root in IMPORT_ROOTS]
    names = [path.as_posix() for path in files]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *imports, *outputs, *names], check=True)


def describe(target: Path) -> None:
    """Write all contracts and their imports, with comments and positions, as one descriptor set."""
    protoc(contracts(), "--include_imports", "--include_source_info", f"--descriptor_set_out={target}")


def commented(source: Path) -> bytes:
    """Reduce a descriptor set to what runs need of it: no positions, and of the comments only our own."""
    descriptors = FileDescriptorSet.FromString(source.read_bytes())
    for file in descriptors.file:
        kept = [place for place in file.source_code_info.location if place.leading_comments]
        file.ClearField("source_code_info")
        if file.name.startswith("bowen/"):
            for place in kept:
                file.source_code_info.location.add(
                    path=place.path, span=NOWHERE, leading_comments=place.leading_comments
                )
    return descriptors.SerializeToString(deterministic=True)


def generate(target: Path) -> None:
    """Write stubs, type stubs and descriptors of every contract below `target`."""
    files = contracts()
    protoc(files, f"--plugin={BIN / 'protoc-gen-mypy'}", f"--python_out={target}", f"--mypy_out=quiet:{target}")
    services = [path for path in files if "\nservice " in (PROTO / path).read_text()]
    if services:
        plugin = f"--plugin={BIN / 'protoc-gen-mypy_grpc'}"
        protoc(services, plugin, f"--grpc_python_out={target}", f"--mypy_grpc_out=quiet:{target}")
    with tempfile.TemporaryDirectory() as scratch:
        described = Path(scratch) / "all.binpb"
        describe(described)
        (target / DESCRIPTORS).write_bytes(commented(described))


def stale(fresh: Path) -> list[str]:
    """Names of committed files that differ from a fresh generation, are missing, or are left over."""
    ours, theirs = _contents(GENERATED), _contents(fresh)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def main() -> None:
    """Bring `proto/gen` up to date, left-over files included."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        for name in stale(fresh):
            source, target = fresh / name, GENERATED / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
            else:
                target.unlink()
            print(("wrote " if source.exists() else "removed ") + name)


if __name__ == "__main__":
    main()
