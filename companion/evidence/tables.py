"""The three tables of a record: their columns, types and meaning, in one place.

Accuracies are fractions from 0 to 1, losses are mean cross entropies in nats. Everything that is
written passes through `encode`, so no other column and no other type reaches a record.
"""

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Column:
    """One column: its name, its Arrow type and what it means."""

    name: str
    type: pa.DataType
    meaning: str


_RUN = (
    Column("run", pa.int32(), "number of the training, unique in the record"),
    Column("arm", pa.string(), "name of the configuration"),
    Column("seed", pa.int32(), "seed of the run; (arm, seed) is unique too"),
    Column("epoch", pa.int16(), "passes over the training images; 0 is before training"),
)
_LAYER = Column("layer", pa.int8(), "number of the layer, from 1 at the input")

TABLES: dict[str, tuple[Column, ...]] = {
    "epochs": (
        *_RUN,
        Column("train_loss", pa.float32(), "mean cross entropy on the training images, nats"),
        Column("train_accuracy", pa.float32(), "share of training images that are right"),
        Column("validation_loss", pa.float32(), "mean cross entropy on the validation images"),
        Column("validation_accuracy", pa.float32(), "share of validation images that are right"),
        Column("test_loss", pa.float32(), "mean cross entropy on the test images"),
        Column("test_accuracy", pa.float32(), "share of test images that are right"),
    ),
    "layers": (
        *_RUN,
        _LAYER,
        Column("weight_mean", pa.float32(), "mean of the layer's weights"),
        Column("weight_std", pa.float32(), "standard deviation of the weights, divided by n"),
        Column("weight_norm", pa.float32(), "mean over units of the norm of a unit's weights"),
        Column(
            "preactivation_variance",
            pa.float32(),
            "variance of the layer's pre-activations over validation images and units",
        ),
    ),
    "histograms": (
        *_RUN,
        _LAYER,
        Column("left", pa.float32(), "left edge of the bin, in units of weight"),
        Column("right", pa.float32(), "right edge of the bin"),
        Column("count", pa.int32(), "weights in the bin"),
    ),
}
KEYS = {
    "epochs": ["run", "epoch"],
    "layers": ["run", "epoch", "layer"],
    "histograms": ["run", "epoch", "layer", "left"],
}
"""The columns that name a row; tables are sorted by them, and no two rows share them."""


def columns(table: str) -> tuple[Column, ...]:
    """Return the columns of a table; `ValueError` for an unknown name."""
    if table not in TABLES:
        raise ValueError(f"a record's tables are {', '.join(TABLES)}, got {table!r}; use one.")
    return TABLES[table]


def describe(table: str) -> pd.DataFrame:
    """Return a table's columns with their type and meaning, as rows to show.

    >>> describe("histograms")["column"].tolist()
    ['run', 'arm', 'seed', 'epoch', 'layer', 'left', 'right', 'count']
    """
    rows = [(column.name, str(column.type), column.meaning) for column in columns(table)]
    return pd.DataFrame(rows, columns=["column", "type", "meaning"])


def schema(table: str) -> pa.Schema:
    """Return a table's Arrow schema: the types on disk."""
    return pa.schema([pa.field(column.name, column.type) for column in columns(table)])


def _array(table: str, column: Column, series: pd.Series) -> pa.Array:
    """Convert one column, refusing any value that its type cannot hold."""
    rule = f"column {column.name} of {table} must hold {column.type}"
    if pa.types.is_string(column.type):
        wrong = [value for value in series if not isinstance(value, str)]
        if wrong:
            raise ValueError(f"{rule}, got {wrong[0]!r}; name the arm by text.")
        return pa.array(series.tolist(), pa.string())
    try:
        values = series.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}, got {series.dtype} values; give numbers.") from None
    if pa.types.is_integer(column.type):
        kind = np.iinfo(column.type.to_pandas_dtype())
        good = np.isfinite(values) & (values == np.round(values))
        good &= (values >= kind.min) & (values <= kind.max)
        if not good.all():
            wrong = values[~good][0]
            raise ValueError(
                f"{rule} ({kind.min} to {kind.max}), got {wrong:g}; give whole numbers in range."
            )
    with np.errstate(over="ignore"):  # a loss beyond float32 has diverged: infinity says so
        return pa.array(values.astype(column.type.to_pandas_dtype()))


def encode(table: str, frame: pd.DataFrame) -> pa.Table:
    """Return `frame` as an Arrow table with exactly the table's columns, types and order of rows.

    Integers must be whole and in range; floats become float32 (NaN stays NaN). `ValueError` names
    the first column that is missing, unknown or of a wrong kind.
    """
    wanted = [column.name for column in columns(table)]
    absent = [name for name in wanted if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in wanted]
    if absent or unknown:
        fault = f"{absent[0]!r} is missing" if absent else f"{unknown[0]!r} is unknown"
        raise ValueError(f"table {table} has the columns {', '.join(wanted)}; {fault}.")
    arrays = [_array(table, column, frame[column.name]) for column in columns(table)]
    result = pa.Table.from_arrays(arrays, schema=schema(table))
    return result.sort_by([(key, "ascending") for key in KEYS[table]])


def to_parquet(table: pa.Table) -> bytes:
    """Return the bytes of a zstd-compressed parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", compression_level=9)
    return sink.getvalue()


def from_parquet(table: str, data: bytes) -> pa.Table:
    """Read the bytes of a parquet file; `ValueError` when they are not this table."""
    try:
        result = pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError(
            f"table {table} must be a parquet file and cannot be read; run it again."
        ) from None
    for field in schema(table):
        found = result.schema.field(field.name).type if field.name in result.column_names else None
        if found != field.type:
            raise ValueError(
                f"column {field.name} of {table} must hold {field.type}, "
                f"got {found or 'no such column'}; write it with this package."
            )
    if result.column_names != schema(table).names:
        raise ValueError(
            f"table {table} must have the columns {', '.join(schema(table).names)}, "
            f"got {', '.join(result.column_names)}; write it with this package."
        )
    return result
