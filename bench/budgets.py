"""Grants per second out of a tree of budgets: from leases, against holding the rows up to the root for every grant."""

from uuid import UUID

from bench import servers
from bench.harness import Meter, Report, alternate, called, check
from chassis.db import Database
from chassis.ids import new_id
from services.incentive.budgets import operations, store
from services.incentive.budgets.domain import Budget, Kind, Want

SESSIONS = 16
GRANTS = 1_000
CAP = 10**12
CAMPAIGNS = 4
RATIO_MIN = 1.5


class Tree:
    """A tenant, a programme and four campaigns. In an `exact` one every grant holds the rows."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.campaigns: list[UUID] = []
        self.root = new_id()
        self.spent = 0

    async def plant(self, *, exact: bool) -> None:
        """Add the nodes. A want of a hundredth of the cap leaves too little for leases."""
        programme = new_id()
        await self._add(Budget(self.root, CAP, kind=Kind.TENANT, asset="points"), None)
        await self._add(Budget(programme, CAP, kind=Kind.PROGRAMME), self.root)
        for _ in range(CAMPAIGNS):
            self.campaigns.append(new_id())
            await self._add(Budget(self.campaigns[-1], CAP), programme)
        if exact:
            await self.grant(Want(self.campaigns[0], CAP // 100))

    async def _add(self, budget: Budget, parent_id: UUID | None) -> None:
        await self._db.transact(lambda tx: operations.create_budget(tx, budget, parent_id))

    def wants(self) -> list[Want]:
        """One point each, from any of the campaigns in turn."""
        return [Want(self.campaigns[number % CAMPAIGNS], 1) for number in range(GRANTS)]

    async def grant(self, want: Want) -> None:
        """What a grant does to budgets, in a transaction of its own."""
        paid = await self._db.transact(lambda tx: operations.reserve_all(tx, [want]))
        check(paid == [True], "a budget that holds enough did not pay")
        self.spent += want.amount

    async def verify(self) -> None:
        """What the root says is what was granted."""
        async with self._db.read() as tx:
            committed = (await store.get_budget(tx, self.root)).committed
        check(committed == self.spent, f"{self.spent} was granted, the root says {committed}")


async def run(report: Report) -> None:
    """Sixteen sessions at once."""
    async with servers.postgres() as server:
        db = Database.open(
            await servers.database(server, "budgets", "incentive"), pool_max=SESSIONS, lock_seconds_max=30.0
        )
        trees = {"leases": Tree(db), "rows": Tree(db)}
        for name, tree in trees.items():
            await tree.plant(exact=name == "rows")
        variants = {name: called(tree.wants, tree.grant, SESSIONS) for name, tree in trees.items()}
        runs = await alternate(variants, Meter(postgres=server.pid))
        for tree in trees.values():
            await tree.verify()
        await db.close()
    rates = " against ".join(f"{runs.rate(name):.0f}" for name in trees)
    costs = " against ".join(runs.costs(name) for name in trees)
    note = f"{rates} grants/s; CPU µs {costs}"
    report.ratio("grants from leases against held rows", runs.ratios("leases", "rows"), at_least=RATIO_MIN, note=note)
