"""`generate` writes the NetworkPolicies; `check` renders every overlay and reports what is wrong."""

import sys
import tempfile
from pathlib import Path

from deploy.k8s.policy import callgraph, generate
from deploy.k8s.policy.check import findings
from deploy.k8s.policy.render import kustomizations, render, unpack

USAGE = "usage: python -m deploy.k8s.policy generate|check\n"


def main(arguments: list[str]) -> int:
    """Run one of the two commands."""
    graph = callgraph.load()
    if arguments == ["generate"]:
        return _generate(graph)
    if arguments == ["check"]:
        return _check(graph)
    sys.stderr.write(USAGE)
    return 2


def _generate(graph: callgraph.Graph) -> int:
    for path, text in generate.files(graph).items():
        path.write_text(text, encoding="utf-8")
    return 0


def _check(graph: callgraph.Graph) -> int:
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        for directory in kustomizations(unpack(callgraph.ROOT, Path(scratch) / "k8s")):
            rendered = render(directory)
            faults = findings(rendered, graph)
            failed |= bool(faults)
            name = directory.relative_to(directory.parent.parent)
            lines = [f"{name}: {len(rendered.objects)} objects, {len(faults)} findings", *faults]
            sys.stdout.write("\n  ".join(lines) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
