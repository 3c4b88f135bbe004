"""Reading CSV files that come from anywhere, and writing what became of each row."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from suite.faults import Fault
from suite.importing.rows import Row

OUTCOME_COLUMNS = ("line", "key", "result", "id", "reason", "detail")
SNIFF_CHARACTERS = 8_192
_FIELD_CHARACTERS_MAX = 131_072


@dataclass(frozen=True, slots=True)
class Source:
    """An open file: its columns, its rows with their line numbers, and how far it has been read."""

    header: list[str]
    rows: Iterator[tuple[int, Row | str]]
    bytes_read: Callable[[], int]


@contextmanager
def reading(path: Path, *, encoding: str, delimiter: str) -> Iterator[Source]:
    """Open a file. A row that does not fit the header comes as the words that say so. Raises `Fault`."""
    csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    try:
        with path.open(encoding=encoding, newline="") as file, _explained(path, encoding):
            reader = csv.reader(file, delimiter=delimiter or _delimiter(file), strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise Fault(f"{path} is empty: its first row must name the columns")
            with _explained(path, encoding):
                yield Source(header, _rows(reader, header), lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR))
    except OSError as error:
        raise Fault(f"{path} cannot be read: {error.strerror}") from error
    except LookupError:
        raise Fault(f"--encoding {encoding} is not known; try utf-8 or gb18030") from None


@contextmanager
def _explained(path: Path, encoding: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise Fault(f"{path} is not {encoding} at byte {error.start}; give --encoding, e.g. gb18030") from None
    except csv.Error as error:
        raise Fault(f"{path} is no CSV file: {error}") from None


def _delimiter(file: TextIO) -> str:
    """The separator that the header has most of."""
    start = file.tell()
    header = file.read(SNIFF_CHARACTERS).partition("\n")[0]
    file.seek(start)
    return max(",;\t|", key=lambda separator: (header.count(separator), separator == ","))


def _rows(reader: Any, header: list[str]) -> Iterator[tuple[int, Row | str]]:
    for values in reader:
        if not values:
            continue
        if len(values) != len(header):
            yield reader.line_num, f"the row has {len(values)} values, the header {len(header)}"
        else:
            yield reader.line_num, dict(zip(header, values, strict=True))


class Outcomes:
    """The file that says what became of each row."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(OUTCOME_COLUMNS)

    def add(self, lines: list[int], key: str, result: str, id_: str = "", reason: str = "", detail: str = "") -> None:
        """Note one outcome for all rows that it is of."""
        self._writer.writerows([line, key, result, id_, reason, detail] for line in lines)


def outcome_path(path: Path) -> Path:
    """Where the outcomes of a file go."""
    return path.with_name(path.name + ".outcome.csv")
