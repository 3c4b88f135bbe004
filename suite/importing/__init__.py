"""`bowen import`: people and orders from CSV files, with an outcome for each row."""

import argparse
import asyncio
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from suite.api import Api
from suite.faults import Fault
from suite.importing.fields import MEMBERS, ORDERS, mapping
from suite.importing.files import Outcomes, outcome_path, reading
from suite.importing.rows import STAGES, Terms
from suite.importing.sending import REJECTED, Sender
from suite.machine import GATEWAY_PORT, HOST

REJECTIONS = 1
LANES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is imported, from where, to where."""
    add = parser.add_argument
    add("kind", choices=(MEMBERS, ORDERS), help="what the file holds")
    add("file", type=Path, help="a CSV file whose first row names the columns")
    add("--map", action="append", default=[], metavar="COLUMN=field", help="say what a column is; `-` leaves it out")
    add("--source", default="", help="the system that the rows are of (default: the file's name)")
    add("--url", default=f"http://{HOST}:{GATEWAY_PORT}", help="the API (default: %(default)s)")
    add("--key", default="", help="an API key (default: the one in the data directory)")
    add("--data-dir", type=Path, default=Path(".bowen"), help="where that key is (default: %(default)s)")
    add("--encoding", default="utf-8-sig", help="of the file (default: UTF-8)")
    add("--delimiter", default="", help="between values (default: what the first row has most of)")
    add("--time-zone", default="Asia/Shanghai", help="of times without one (default: %(default)s)")
    add("--currency", default="", help="of orders that name none, e.g. CNY")
    add(
        "--stage",
        choices=STAGES,
        default="delivered",
        help="how far orders without such times are (default: %(default)s)",
    )
    add("--verified", action="store_true", help="telephone numbers and e-mail addresses were proven by their owners")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Import a file. Returns 1 when rows were rejected."""
    return asyncio.run(_import(arguments, console))


async def _import(arguments: argparse.Namespace, console: Console) -> int:
    path: Path = arguments.file
    with reading(path, encoding=arguments.encoding, delimiter=arguments.delimiter) as source:
        terms = Terms(
            arguments.source or path.stem,
            mapping(arguments.kind, source.header, arguments.map),
            _zone(arguments.time_zone),
            arguments.currency,
            arguments.stage,
            arguments.verified,
        )
        _show_mapping(terms, console)
        with outcome_path(path).open("w", encoding="utf-8", newline="") as file:
            async with Api(arguments.url.rstrip("/"), arguments.key or _key(arguments.data_dir)) as api:
                sender = Sender(api, arguments.kind, terms, Outcomes(file), lanes=LANES)
                with _progress(console) as progress:
                    task = progress.add_task(arguments.kind, total=path.stat().st_size, counts="")

                    def tell() -> None:
                        progress.update(task, completed=source.bytes_read(), counts=_counts(sender, progress, task))

                    await sender.send(source.rows, tell)
                    tell()
    return _close(sender, outcome_path(path), console)


def _close(sender: Sender, outcomes: Path, console: Console) -> int:
    counts = ", ".join(f"{count:,} {result.lower()}" for result, count in sorted(sender.counts.items()))
    console.print(
        f"{sender.lines:,} rows: {counts or 'nothing'}. Row by row: {outcomes}", soft_wrap=True, highlight=False
    )
    return REJECTIONS if sender.counts[REJECTED] else 0


def _counts(sender: Sender, progress: Progress, task: "int") -> str:
    seconds = next((each.elapsed for each in progress.tasks if each.id == task), None) or 1e-9
    counts = " ".join(f"{result.lower()} {count:,}" for result, count in sorted(sender.counts.items()))
    return f"{sender.lines:,} rows  {sender.lines / seconds:,.0f}/s  {counts}"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(), console=console,
    )  # fmt: skip


def _show_mapping(terms: Terms, console: Console) -> None:
    shown = ", ".join(f"{column} → {name}" for name, column in terms.columns.columns.items())
    console.print(f"columns: {shown}", style="dim", highlight=False, markup=False)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Fault(f"--time-zone {name}: no such time zone; e.g. Asia/Shanghai or UTC") from None


def _key(data_dir: Path) -> str:
    path = data_dir / "root.key"
    if not path.exists():
        raise Fault(f"no API key: give one with --key, or --data-dir with a {path.name} in it ({path} is not there)")
    return path.read_text().strip()
