"""The demo and the import as a person runs them: the real commands, the real data, everything real behind them."""

import asyncio
import csv
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from suite.dataset import open_journey, write_members_csv, write_orders_csv
from suite.importing.files import outcome_path
from tests.e2e.running import port_base

RUN_SECONDS_MAX = 420.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Outside pytest's own folder: PostgreSQL may run as another user."""
    path = Path(tempfile.mkdtemp(prefix="bowen-demo-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def bowen(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "suite", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
    )


async def said_until(process: asyncio.subprocess.Process, words: str) -> str:
    """What a process says, up to a line with these words or its end."""
    lines: list[str] = []
    async with asyncio.timeout(RUN_SECONDS_MAX):
        while line := (await process.stdout.readline()).decode():
            lines.append(line)
            if words in line:
                break
    return "".join(lines)


async def run(*arguments: str) -> tuple[int, str]:
    process = await bowen(*arguments)
    said = await said_until(process, "\0")
    return await process.wait(), said


def digest(said: str) -> str:
    return re.search(r"^digest\s+(\w+)", said, re.MULTILINE)[1]


def outcomes(path: Path) -> list[tuple[str, str]]:
    with outcome_path(path).open() as file:
        return [(row["result"], row["detail"]) for row in csv.DictReader(file)]


async def test_the_demo_holds_every_invariant_repeats_itself_and_takes_files_in(folder: Path):
    port = port_base()
    where = ("--data-dir", str(folder / "data"), "--port", str(port), "--port-base", str(port))

    code, first = await run("demo", "--days", "2", *where)

    assert code == 0, first
    assert "✗" not in first
    assert first.count("✓") >= 20
    assert "as the simulator's truth says" in first
    assert "50,000 of 50,000 spent on 100 advocates" in first

    kept = await bowen("demo", "--days", "2", "--keep", *where)
    again = await said_until(kept, "Ctrl-C stops everything")
    assert digest(again) == digest(first)
    assert "0 orders" in again

    try:
        await takes_members_in(folder, port)
        await takes_orders_in(folder, port)
    finally:
        kept.send_signal(signal.SIGINT)
        rest = await said_until(kept, "\0")
    assert await kept.wait() == 0, rest


async def takes_members_in(folder: Path, port: int) -> None:
    path = folder / "members.csv"
    members = open_journey().members
    with path.open("w") as file:
        write_members_csv(file, members[:1200])
        file.write(f"{',' * 8}\n")

    code, said = await run("import", "members", str(path), *to(folder, port))

    assert code == 1, said
    assert outcomes(path)[-1] == (
        "rejected",
        "member_no: none of the identifiers is filled in",
    )
    assert Counter(result for result, _ in outcomes(path)) == {"updated": 1200, "rejected": 1}

    await run("import", "members", str(path), *to(folder, port))
    assert Counter(result for result, _ in outcomes(path)) == {"duplicate": 1200, "rejected": 1}


async def takes_orders_in(folder: Path, port: int) -> None:
    path = folder / "orders.csv"
    orders = list(islice(next(open_journey().days(2, 1)).orders, 30))
    with path.open("w") as file:
        lines = write_orders_csv(file, orders)
        file.write("BAD-1,CJ-1,CJ-S-367,2017-01-03T15:00:00Z,USD,1,42,,,two,100,0,200\n")
        file.write("BAD-2,CJ-1,NOWHERE,2017-01-03T15:00:00Z,USD,1,42,,,1,100,0,100\n")
        file.write(f"BAD-3,CJ-1,CJ-S-367,2017-01-03T15:00:00Z,USD,1,{'4' * 101},,,1,100,0,100\n")

    code, said = await run("import", "orders", str(path), "--source", "till", *to(folder, port))

    assert code == 1, said
    found = outcomes(path)
    assert Counter(result for result, _ in found) == {"created": lines, "rejected": 3}
    assert "quantity: must be a whole number" in found[-3][1]
    assert "no store has this external code" in found[-2][1]
    assert "sku" in found[-1][1]

    await run("import", "orders", str(path), "--source", "till", *to(folder, port))
    assert Counter(result for result, _ in outcomes(path)) == {"duplicate": lines, "rejected": 3}


def to(folder: Path, port: int) -> tuple[str, ...]:
    return ("--url", f"http://127.0.0.1:{port}", "--data-dir", str(folder / "data"))
