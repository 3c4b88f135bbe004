"""`python -m bench` measures everything, `python -m bench NAME…` some of it."""

import argparse
import asyncio
import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench.harness import Figure, Report

NAMES = (
    "ledger",
    "ledger-grpc",
    "hot",
    "claim",
    "ingest",
    "growth",
    "hop",
    "write",
    "reaction",
    "view",
    "evaluate",
    "budgets",
    "pacing",
    "suggest",
)


def main() -> int:
    """Returns the exit code: 1 when a bench failed, which a missed goal is not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all of them if none is given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--scale", type=float, default=1.0, help="how much larger, of benches that can grow")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    console = Console(soft_wrap=True)
    figures, failed = _measure(arguments.names or NAMES, console, arguments.scale)
    _show(figures, console)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(each) for each in figures], indent=1, ensure_ascii=False) + "\n")
    return 1 if failed else 0


def _measure(names: Sequence[str], console: Console, scale: float) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    failed: list[str] = []
    for name in names:
        report = Report(name, lambda line: console.print(line, style="dim", markup=False, highlight=False), scale)
        started = time.monotonic()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(importlib.import_module(f"bench.{name.replace('-', '_')}").run(report))
        except Exception:
            console.print_exception()
            failed.append(name)
        figures += report.figures
        report.tell(f"{name} took {time.monotonic() - started:.0f} s; load of the machine {psutil.getloadavg()[0]:.1f}")
    return figures, failed


def _show(figures: Sequence[Figure], console: Console) -> None:
    table = Table("bench", "measure", "figure", "rounds", "goal", "")
    for each in figures:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[each.met]
        figure, rounds = f"{each.value:.3g} {each.unit}", f"{each.low:.3g} – {each.high:.3g}"
        table.add_row(each.bench, each.measure, figure, rounds, each.goal, verdict)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
