"""Probabilistic record linkage (Fellegi and Sunter 1969) by `splink` over DuckDB, in this process's memory.

The model is written down here and is not trained on the data of a run: the same people get the same weights every
night, and few people get sound ones. A surname that many bear weighs less, by how many of those compared bear it.
"""

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow
import splink.comparison_library as compare
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

from services.profile.suggestions.domain import Match, Record

DUPLICATES = 0.1
COMPARED_MIN = 10_000
"""What share of those compared are expected to have another record, and among at least how many: from this follows what
a pair is held for before anything is compared. Among few, a name alone would say too much."""

_BLOCKS = (
    ("phone",),
    ("email",),
    ("id_number",),
    ("birthday",),
    ("surname", "given_name"),
    ("surname", "postcode"),
    ("given_name", "postcode"),
    ("address", "postcode"),
)
"""Two are compared if they have all fields of one of these in common."""


_Chances = list[float]

_COMPARED: tuple[tuple[str, Any, _Chances, _Chances], ...] = (
    (
        "name",  # both; the other way round; nearly; less nearly; surname; given name
        compare.ForenameSurnameComparison("given_name", "surname"),
        [0.72, 0.03, 0.07, 0.04, 0.06, 0.06, 0.02],
        [0.0002, 0.00002, 0.0002, 0.0004, 0.01, 0.01, 0.97918],
    ),
    (
        "birthday",
        compare.DamerauLevenshteinAtThresholds("birthday", [1, 2]),
        [0.85, 0.08, 0.02, 0.05],
        [0.00004, 0.0006, 0.008, 0.99136],
    ),
    (
        "address",
        compare.JaroWinklerAtThresholds("address", [0.92, 0.8]),
        [0.73, 0.12, 0.05, 0.10],
        [0.0002, 0.001, 0.02, 0.9788],
    ),
    (
        "postcode",
        compare.DamerauLevenshteinAtThresholds("postcode", [1]),
        [0.85, 0.08, 0.07],
        [0.003, 0.03, 0.967],
    ),
    ("city", compare.ExactMatch("city"), [0.8, 0.2], [0.05, 0.95]),
    (
        "email",
        compare.DamerauLevenshteinAtThresholds("email", [1, 2]),
        [0.72, 0.12, 0.04, 0.12],
        [0.00002, 0.00002, 0.00006, 0.9999],
    ),
    (
        "phone",
        compare.DamerauLevenshteinAtThresholds("phone", [1]),
        [0.70, 0.10, 0.20],
        [0.00001, 0.00005, 0.99994],
    ),
    (
        "id_number",
        compare.DamerauLevenshteinAtThresholds("id_number", [1, 2]),
        [0.85, 0.08, 0.02, 0.05],
        [0.000001, 0.00001, 0.0001, 0.999889],
    ),
)
"""Per field: how it is compared; how often each degree of likeness, from equal to unlike, is seen between records of
one person, and how often between those of two."""

_COLUMNS = {name: "given_name_surname" if name == "name" else name for name, *_ in _COMPARED}
_WEIGHTS = "mw_", "mw_tf_adj_"
"""What the weights of a field are called: of how alike it is, and of how rare that is."""


def matches(records: Sequence[Record], *, threshold: float) -> list[Match]:
    """The pairs that are one person with at least a probability, the most probable first."""
    if len(records) < 2:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET enable_external_access = false")
        backend = DuckDBAPI(connection)
        linker = Linker(backend.register(_table(records)), _settings(len(records)), log_level=None)
        found = linker.inference.predict(threshold_match_probability=threshold)
        rows = found.as_record_list()
    told = [_match(row) for row in rows]
    return sorted(told, key=lambda match: (-match.probability, match.one, match.other))


def _table(records: Sequence[Record]) -> pyarrow.Table:
    columns = zip(*records, strict=True)
    return pyarrow.table(
        {name: pyarrow.array(column, pyarrow.string()) for name, column in zip(Record._fields, columns, strict=True)}
    )


def _settings(count: int) -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[how.configure(m_probabilities=same, u_probabilities=others) for _, how, same, others in _COMPARED],
        blocking_rules_to_generate_predictions=[block_on(*fields) for fields in _BLOCKS],
        probability_two_random_records_match=DUPLICATES / max(count, COMPARED_MIN),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=True,
    )


def _match(row: dict[str, Any]) -> Match:
    one, other = sorted((row["unique_id_l"], row["unique_id_r"]))
    weights = {name: sum(row.get(f"{kind}{column}", 0.0) for kind in _WEIGHTS) for name, column in _COLUMNS.items()}
    return Match(one, other, row["match_probability"], {name: bits for name, bits in weights.items() if bits})
