"""`bowen demo`: a real retailer's months through the public API, and the proof that everything adds up."""

import argparse
import asyncio
import contextlib
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from suite import up
from suite.api import Api
from suite.dataset import DatasetMissing, Day
from suite.demo import plan as plans
from suite.demo import report
from suite.demo.audit import Audit
from suite.demo.display import Display
from suite.demo.journal import Journal
from suite.demo.plan import Expected, Plan
from suite.demo.sharing import Sharing
from suite.demo.stillness import Stillness
from suite.demo.trade import Trade
from suite.demo.world import Maker, import_members
from suite.faults import Fault
from suite.machine import Machine, running

BROKEN = 1
DAYS = 60
DATA_DIR = Path(".bowen/demo-{days}-days-seed-{seed}")
TICKS = ("/v1/profiles:stats", "/v1/segments", "/v1/campaigns", "/v1/partners")
"""One read of each service: it moves the service's sandbox clock on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is replayed, and the options of `up`. Unless told otherwise each demo has a data directory of its own."""
    up.add_arguments(parser)
    parser.set_defaults(data_dir=DATA_DIR)
    add = parser.add_argument
    add("--days", type=int, default=DAYS, help="how many days of the retailer's year (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the simulated people and refunds (default: %(default)s)")
    add("--keep", action="store_true", help="keep everything running at the end, until Ctrl-C")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Replay and report. Returns 1 when an invariant does not hold."""
    try:
        return asyncio.run(_demo(arguments, console))
    except DatasetMissing as missing:
        raise Fault(str(missing)) from missing


async def _demo(arguments: argparse.Namespace, console: Console) -> int:
    up.cancel_on_signals()
    tell = partial(up.tell, console)
    tell(f"reading the data and simulating the ripple of {arguments.days} days")
    plan = await asyncio.to_thread(plans.make, arguments.days, arguments.seed)
    arguments.data_dir = _data_dir(arguments.data_dir, plan)
    options = replace(up.options(arguments), sandbox=True, sandbox_start=plan.start)
    async with running(options, tell) as machine:
        with closing(Journal(options.data_dir / "demo.journal")) as journal:
            journal.bind(plan.days, plan.seed)
            code = await _replayed(machine, plan, journal, console)
        await _show_where(machine, plan, console, keep=arguments.keep)
        if arguments.keep:
            await _until_stopped()
        return code


def _data_dir(chosen: Path, plan: Plan) -> Path:
    return Path(str(chosen).format(days=plan.days, seed=plan.seed)) if chosen == DATA_DIR else chosen


async def _until_stopped() -> None:
    """Ctrl-C is how it ends well, so it is no interruption."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


async def _replayed(machine: Machine, plan: Plan, journal: Journal, console: Console) -> int:
    async with Api(machine.url, machine.root_key) as api, Stillness(machine) as stillness:
        console.print("making stores, guides, tags, segments, campaigns and the commission plan", style="dim")
        maker = Maker(api, journal, plan.start)
        world = await maker.world(plan)
        await import_members(api, plan, world)
        await stillness.settle()
        sharing, trade = Sharing(api, plan, world, journal, stillness), Trade(api, plan, world, maker)
        display = Display(console, plan.days, journal.days_done, stillness)
        display.follow(trade, sharing)
        expected = await _days(api, plan, journal, display, sharing, trade, stillness)
        seconds = display.seconds
        console.print(f"replayed in {seconds:.0f} s: {display.throughput()}", highlight=False, soft_wrap=True)
        console.print("reading everything back, person by person and order by order", style="dim")
        found = await Audit(api, world, sharing, stillness).read()
    answers = report.checks(found, expected)
    report.show(console, found, plan, expected, answers)
    return 0 if all(check.holds for check in answers) else BROKEN


async def _days(
    api: Api,
    plan: Plan,
    journal: Journal,
    display: Display,
    sharing: Sharing,
    trade: Trade,
    stillness: Stillness,
) -> Expected:
    """Replay the days that are not done yet, and add up what must come out of all of them."""
    expected = Expected()
    done = journal.days_done
    async with display.live():
        for number, day in plan.days_from(0):
            expected.add(plan, number, day)
            if number >= done:
                display.day(number, day.date)
                await _day(api, plan, number, day, sharing, trade, stillness)
                journal.day_done(number)
        display.done = plan.days
    return expected


async def _day(
    api: Api, plan: Plan, number: int, day: Day, sharing: Sharing, trade: Trade, stillness: Stillness
) -> None:
    """One day: who shares and clicks, then what is sold, given back and redeemed. Each part waits for the effects of
    the one before, so that every run credits the same people."""
    actions = plan.actions(number, day)
    await sharing.play(actions)
    await stillness.settle()
    await trade.sell(plan.sales(day, actions), day.end)
    await trade.refund(day.refunds)
    await trade.mail(plans.mailings(plan, number, day), day.start)
    await trade.redeem(day)
    await _tick(api, plan.end if number == plan.days - 1 else day.end)
    await stillness.settle()


async def _tick(api: Api, now: datetime) -> None:
    for path in TICKS:
        await api.get(path, now=now)


async def _show_where(machine: Machine, plan: Plan, console: Console, *, keep: bool) -> None:
    if keep:
        up.show(machine, await up.write_key(machine), console)
        return
    folder = machine.options.data_dir
    console.print(
        f"\nlook around: bowen up --data-dir {folder} --sandbox-start {plan.end.isoformat()}\n"
        f"then {machine.url}/docs with the key in {folder / 'root.key'}",
        highlight=False,
        soft_wrap=True,
    )
