"""A payment provider that behaves like the real thing, with a book that outlives whoever asks it.

It keeps to what providers of cash red packets publish: one packet per bill number, 1 to 200 yuan, so many packets per
person and so much money per merchant and day, 72 hours to open a packet, `SYSTEMERROR` with either outcome behind it.
What is not scripted follows from the seed, the bill number and how often it was to be sent.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from chassis.clock import Clock
from services.incentive.packets.domain import OPEN_FOR
from services.incentive.packets.domain.payouts import Answer, Bill, Word

DAY_ZONE = ZoneInfo("Asia/Shanghai")
AMOUNT_MINOR_MIN, AMOUNT_MINOR_MAX = 100, 20_000
PROCESSING_FOR = timedelta(minutes=5)
BP = 10_000

_BOOK = """
CREATE TABLE IF NOT EXISTS bill (
    bill_no TEXT PRIMARY KEY, payee TEXT NOT NULL, amount_minor INTEGER NOT NULL, day TEXT NOT NULL,
    accept_time TEXT NOT NULL, sent_time TEXT NOT NULL, claim_time TEXT
);
CREATE TABLE IF NOT EXISTS question (number INTEGER PRIMARY KEY, bill_no TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS question_bill ON question (bill_no);
CREATE TABLE IF NOT EXISTS script (number INTEGER PRIMARY KEY, bill_no TEXT NOT NULL, fault TEXT NOT NULL);
"""


class Fault(StrEnum):
    """What can go wrong with one question."""

    LOST = "lost"
    """The packet is sent, the answer is `SYSTEMERROR`."""
    DOWN = "down"
    """Nothing is done, the answer is `SYSTEMERROR`."""
    PROCESSING = "processing"
    """The packet is accepted and sent some minutes later."""
    BUSY = "busy"
    """Nothing is done, the answer is `FREQ_LIMIT`."""


_DRAWN = (Fault.LOST, Fault.DOWN, Fault.PROCESSING, Fault.BUSY)


@dataclass(frozen=True, slots=True)
class Habits:
    """What happens unless a test says otherwise. Rates are basis points; `funds_minor` is the merchant's money."""

    seed: int = 0
    opened_bp: int = 0
    faulty_bp: int = 0
    packets_per_day_max: int = 10
    amount_per_day_max: int = 10_000_000
    funds_minor: int = 1_000_000_000


class Simulator:
    """Pays packets out into a book: a file, or memory when it has no name."""

    def __init__(self, file: str, clock: Clock, habits: Habits | None = None) -> None:
        self._book = sqlite3.connect(file or ":memory:", isolation_level=None, timeout=10.0)
        self._book.executescript(_BOOK)
        self._clock, self._habits = clock, habits or Habits()

    async def send(self, bill: Bill) -> Answer:
        """Have a packet sent; one that was sent before is not sent again."""
        with self._writing():
            known = self._known(bill.bill_no)
            fault = self._fault(bill.bill_no, drawn=known is None)
            if fault in (Fault.DOWN, Fault.BUSY):
                return _SAID[fault]
            if known is not None:
                same = (known["payee"], known["amount_minor"]) == (_payee(bill), bill.amount_minor)
                return self._stands(known) if same else Answer(Word.REJECTED, "PARAM_ERROR")
            if refusal := self._refusal(bill):
                return refusal
            self._accept(bill, late=fault == Fault.PROCESSING)
            return _SAID.get(fault, Answer(Word.SENT)) if fault else Answer(Word.SENT)

    async def query(self, bill_no: str) -> Answer:
        """How a packet stands."""
        with self._writing():
            if self._fault(bill_no, drawn=False):
                return _SAID[Fault.DOWN]
            known = self._known(bill_no)
            return self._stands(known) if known is not None else Answer(Word.MISSING, "NOT_FOUND")

    def script(self, *faults: Fault, bill_no: str = "") -> None:
        """Have the next questions fail so, in order; about one bill number, or about any."""
        self._book.executemany("INSERT INTO script (bill_no, fault) VALUES (?, ?)", [(bill_no, f) for f in faults])

    def open(self, bill_no: str) -> None:
        """The person opens a packet now."""
        self._book.execute("UPDATE bill SET claim_time = ? WHERE bill_no = ?", (_text(self._clock.now()), bill_no))

    def paid(self) -> dict[str, int]:
        """The amount of every packet that was ever accepted, by bill number."""
        return {row["bill_no"]: row["amount_minor"] for row in self._rows("SELECT bill_no, amount_minor FROM bill")}

    def close(self) -> None:
        """Close the book."""
        self._book.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._book.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            self._book.execute("COMMIT")

    def _rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        cursor = self._book.execute(query, arguments)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _known(self, bill_no: str) -> dict[str, Any] | None:
        return next(iter(self._rows("SELECT * FROM bill WHERE bill_no = ?", bill_no)), None)

    def _fault(self, bill_no: str, *, drawn: bool) -> Fault | None:
        query = "SELECT number, fault FROM script WHERE bill_no IN ('', ?) ORDER BY number LIMIT 1"
        for row in self._rows(query, bill_no):
            self._book.execute("DELETE FROM script WHERE number = ?", (row["number"],))
            return Fault(row["fault"])
        return self._drawn_fault(bill_no) if drawn else None

    def _drawn_fault(self, bill_no: str) -> Fault | None:
        self._book.execute("INSERT INTO question (bill_no) VALUES (?)", (bill_no,))
        (asked,) = self._rows("SELECT count(*) AS times FROM question WHERE bill_no = ?", bill_no)
        if self._draw(bill_no, f"faulty {asked['times']}") >= self._habits.faulty_bp:
            return None
        return _DRAWN[self._draw(bill_no, f"fault {asked['times']}") % len(_DRAWN)]

    def _draw(self, bill_no: str, what: str) -> int:
        digest = hashlib.sha256(f"{self._habits.seed}|{what}|{bill_no}".encode()).digest()
        return int.from_bytes(digest[:8]) % BP

    def _refusal(self, bill: Bill) -> Answer | None:
        """Why a packet is not sent. `NOTENOUGH` passes when the merchant pays in: the same number is good then."""
        if not AMOUNT_MINOR_MIN <= bill.amount_minor <= AMOUNT_MINOR_MAX:
            return Answer(Word.REJECTED, "MONEY_LIMIT")
        day = _day(self._clock.now())
        (today,) = self._rows("SELECT coalesce(sum(amount_minor), 0) AS amount FROM bill WHERE day = ?", day)
        (own,) = self._rows("SELECT count(*) AS packets FROM bill WHERE day = ? AND payee = ?", day, _payee(bill))
        (ever,) = self._rows("SELECT coalesce(sum(amount_minor), 0) AS amount FROM bill")
        if own["packets"] >= self._habits.packets_per_day_max:
            return Answer(Word.REJECTED, "SENDNUM_LIMIT")
        if today["amount"] + bill.amount_minor > self._habits.amount_per_day_max:
            return Answer(Word.REJECTED, "SENDAMOUNT_LIMIT")
        if ever["amount"] + bill.amount_minor > self._habits.funds_minor:
            return Answer(Word.UNKNOWN, "NOTENOUGH")
        return None

    def _accept(self, bill: Bill, *, late: bool) -> None:
        now = self._clock.now()
        sent = now + PROCESSING_FOR if late else now
        opened = self._draw(bill.bill_no, "opened") < self._habits.opened_bp
        claim = sent + OPEN_FOR * self._draw(bill.bill_no, "delay") / BP if opened else None
        row = (
            bill.bill_no,
            _payee(bill),
            bill.amount_minor,
            _day(now),
            _text(now),
            _text(sent),
            _text(claim) if claim else None,
        )
        self._book.execute("INSERT INTO bill VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _stands(self, known: dict[str, Any]) -> Answer:
        now, sent = self._clock.now(), datetime.fromisoformat(known["sent_time"])
        claim = datetime.fromisoformat(known["claim_time"]) if known["claim_time"] else None
        if now < sent:
            return _SAID[Fault.PROCESSING]
        if claim and claim < sent + OPEN_FOR and claim <= now:
            return Answer(Word.CLAIMED)
        return Answer(Word.RETURNED if now >= sent + OPEN_FOR else Word.SENT)


_SAID = {
    Fault.LOST: Answer(Word.UNKNOWN, "SYSTEMERROR"),
    Fault.DOWN: Answer(Word.UNKNOWN, "SYSTEMERROR"),
    Fault.PROCESSING: Answer(Word.UNKNOWN, "PROCESSING"),
    Fault.BUSY: Answer(Word.UNKNOWN, "FREQ_LIMIT"),
}


def _payee(bill: Bill) -> str:
    return bill.payee or bill.profile_id


def _day(now: datetime) -> str:
    return now.astimezone(DAY_ZONE).date().isoformat()


def _text(moment: datetime) -> str:
    return moment.isoformat()
