"""Sends rows in batches, a few at a time, and puts down outcomes in the order of the file."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import groupby

from suite.api import Api, ApiRefused, Json, portions
from suite.importing import rows
from suite.importing.fields import ORDERS
from suite.importing.files import Outcomes
from suite.importing.rows import Item, Row, Terms

BATCH_MAX = {"members": 1000, "orders": 200}
PATHS = {"members": "/v1/profiles:import", "orders": "/v1/orders:import"}
REJECTED = "REJECTED"
ROW_INVALID = "ROW_INVALID"


class Sender:
    """Imports one kind of rows. `counts` are of things, not of lines: people or orders."""

    def __init__(self, api: Api, kind: str, terms: Terms, outcomes: Outcomes, *, lanes: int) -> None:
        self._api, self._kind, self._terms, self._outcomes, self._lanes = api, kind, terms, outcomes, lanes
        self._stores: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.lines = 0

    async def send(self, source: Iterable[tuple[int, Row | str]], tell: Callable[[], None]) -> None:
        """Send everything. `tell` is called when something was done. Raises `Fault` for what is not a row's fault."""
        under_way: deque[tuple[list[Item], asyncio.Task[list[Json]]]] = deque()
        try:
            for batch in portions(items(self._kind, source, self._terms), _body, BATCH_MAX[self._kind]):
                under_way.append((batch, asyncio.create_task(self._outcomes_of(batch))))
                if len(under_way) == self._lanes:
                    await self._note(*under_way.popleft())
                    tell()
            while under_way:
                await self._note(*under_way.popleft())
                tell()
        finally:
            for _, task in under_way:
                task.cancel()
            await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)

    async def _note(self, batch: list[Item], task: Awaitable[list[Json]]) -> None:
        for item, outcome in zip(batch, await task, strict=True):
            result, id_ = outcome["result"], outcome.get("profile_id") or outcome.get("order_id") or ""
            self._outcomes.add(
                item.lines, item.key, result.lower(), id_, outcome.get("reason", ""), outcome.get("detail", "")
            )
            self.counts[result] += 1
            self.lines += len(item.lines)

    async def _outcomes_of(self, batch: Sequence[Item]) -> list[Json]:
        await self._find_stores(batch)
        sendable = [item for item in batch if not item.fault]
        outcomes = iter(await self._post(sendable) if sendable else [])
        return [_rejected(ROW_INVALID, item.fault) if item.fault else next(outcomes) for item in batch]

    async def _post(self, batch: Sequence[Item]) -> list[Json]:
        """The outcomes of a batch. A batch that is refused as a whole is halved until the culprit stands alone."""
        body: Json = {"rows": [item.body for item in batch]}
        if self._kind != ORDERS:
            body["source_id"] = self._terms.source
        try:
            return list((await self._api.post(PATHS[self._kind], body))["outcomes"])
        except ApiRefused as refusal:
            if refusal.status not in (400, 413):
                raise
            if len(batch) == 1:
                return [_rejected(refusal.reason, refusal.detail)]
        half = len(batch) // 2
        return [*await self._post(batch[:half]), *await self._post(batch[half:])]

    async def _find_stores(self, batch: Sequence[Item]) -> None:
        for item in batch:
            if item.fault or not item.store_code:
                continue
            store_id = await self._store(item.store_code)
            if store_id:
                item.body["store_id"] = store_id
            else:
                item.fault = f"store {item.store_code!r}: no store has this external code"

    async def _store(self, code: str) -> str:
        if code not in self._stores:
            found = await self._api.get("/v1/partners", role="STORE", external_code=code)
            self._stores[code] = found["partners"][0]["partner_id"] if found["partners"] else ""
        return self._stores[code]


def _body(item: Item) -> Json:
    return item.body


def _rejected(reason: str, detail: str) -> Json:
    return {"result": REJECTED, "reason": reason, "detail": detail}


def items(kind: str, source: Iterable[tuple[int, Row | str]], terms: Terms) -> Iterator[Item]:
    """What is to be sent: one item per person, or per run of rows with the same order number."""
    if kind != ORDERS:
        for line, row in source:
            yield Item("", [line], fault=row) if isinstance(row, str) else rows.member(row, line, terms)
        return

    def number(entry: tuple[int, Row | str]) -> tuple[bool, str | int]:
        line, row = entry
        return (True, line) if isinstance(row, str) else (False, terms.columns.get(row, "order_number"))

    for (is_broken, _), group in groupby(source, key=number):
        for_item = list(group)
        if is_broken:
            line, words = for_item[0]
            yield Item("", [line], fault=str(words))
        else:
            yield rows.order([(line, row) for line, row in for_item if not isinstance(row, str)], terms)
