"""The tables of a record: which columns they have, of which type, as a header declares them.

Accuracies are fractions from 0 to 1, losses are mean cross entropies in nats. Everything that is
written passes through `encode`, so no other column and no other type reaches a record.
"""

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from companion.measure import catalogue
from companion.measure.declare import Column, Measure

_RUN = (
    Column("run", "number of the training, unique in the record", pa.int32(), low=0),
    Column("arm", "name of the configuration", pa.string()),
    Column("seed", "seed of the run; (arm, seed) is unique too", pa.int32(), low=0),
    Column("epoch", "passes over the training images; 0 is before training", pa.int16(), low=0),
)
_LAYER = Column("layer", "number of the layer, from 1 at the input", pa.int8(), low=1)
_STEP = Column("step", "optimizer steps taken, over all epochs", pa.int32(), low=1)
NAMED: dict[str, tuple[Column, ...]] = {
    "epochs": _RUN,
    "layers": (*_RUN, _LAYER),
    "histograms": (*_RUN, _LAYER),
    "steps": (*_RUN, _STEP, _LAYER),
}
"""The columns that say what a row is about, of every table that a record may have."""
KEYS = {
    "epochs": ["run", "epoch"],
    "layers": ["run", "epoch", "layer"],
    "histograms": ["run", "epoch", "layer", "left"],
    "steps": ["run", "step", "layer"],
}
"""The columns that name a row; tables are sorted by them, and no two rows share them."""
TYPES = {
    str(kind): kind for kind in (pa.float32(), pa.float64(), pa.int8(), pa.int16(), pa.int32())
}
"""The types that a measured column may have."""

Layout = Mapping[str, Sequence[Column]]
"""Table -> all its columns, in their order."""


def layout(measures: Sequence[Measure]) -> Layout:
    """Return the tables that these measures fill, with their columns."""
    found = {}
    for table in NAMED:
        own = [column for one in measures if one.table == table for column in one.columns]
        if own:
            found[table] = (*NAMED[table], *own)
    return found


TABLES = layout(catalogue.STANDARD)
"""The tables of a record that does not declare them."""


def declared(measures: Sequence[Measure]) -> dict[str, list[dict]]:
    """Return what a header says of the measured columns, as plain JSON; `of` reads it."""
    return {
        table: [_plain(column) for column in columns[len(NAMED[table]) :]]
        for table, columns in layout(measures).items()
    }


def _plain(column: Column) -> dict:
    said = {"name": column.name, "meaning": column.meaning, "type": str(column.type)}
    ends = {key: getattr(column, key) for key in ("low", "high")}
    said |= {key: value for key, value in ends.items() if math.isfinite(value)}
    return said if column.start else {**said, "start": False}


def of(header: Mapping) -> Layout:
    """Return the tables that a header declares, `TABLES` where it declares none.

    `ValueError` when its ``columns`` are not as `declared` writes them.
    """
    if "columns" not in header:
        return TABLES
    try:
        found = {
            table: (*NAMED[table], *(_read(said) for said in columns))
            for table, columns in header["columns"].items()
        }
        names = [[column.name for column in columns] for columns in found.values()]
        good = "epochs" in found and all(len(set(some)) == len(some) for some in names)
        good = good and all(len(columns) > len(NAMED[table]) for table, columns in found.items())
        ordered = {table: found[table] for table in NAMED if table in found}
    except (TypeError, ValueError, LookupError, AttributeError):
        good = False
    if not good:
        raise ValueError(
            "a header's columns must say name, meaning and type of each measured column of "
            f"{', '.join(NAMED)}, epochs among them, got {str(header['columns'])[:200]!r}; "
            "write it with this package."
        )
    return ordered


def _read(said: dict) -> Column:
    """Return the column; any error when it is none."""
    ends = {key: float(said[key]) for key in ("low", "high") if key in said}
    known = {"name", "meaning", "type", "low", "high", "start"}
    words = (said["name"], said["meaning"])
    if set(said) - known or not all(isinstance(one, str) and one.isprintable() for one in words):
        raise ValueError
    start = said.get("start", True)
    return Column(*words, TYPES[said["type"]], **ends, start=bool(start))


def columns(table: str, tables: Layout = TABLES) -> Sequence[Column]:
    """Return the columns of a table; `ValueError` for an unknown name."""
    if table not in tables:
        raise ValueError(f"a record's tables are {', '.join(tables)}, got {table!r}; use one.")
    return tables[table]


def describe(table: str, tables: Layout = TABLES) -> pd.DataFrame:
    """Return a table's columns with their type and meaning, as rows to show.

    >>> describe("histograms")["column"].tolist()
    ['run', 'arm', 'seed', 'epoch', 'layer', 'left', 'right', 'count']
    """
    rows = [(column.name, str(column.type), column.meaning) for column in columns(table, tables)]
    return pd.DataFrame(rows, columns=["column", "type", "meaning"])


def empty(table: str, tables: Layout = TABLES) -> pd.DataFrame:
    """Return a table without rows."""
    return schema(table, tables).empty_table().to_pandas()


def schema(table: str, tables: Layout = TABLES) -> pa.Schema:
    """Return a table's Arrow schema: the types on disk."""
    return pa.schema([pa.field(column.name, column.type) for column in columns(table, tables)])


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


def encode(table: str, frame: pd.DataFrame, tables: Layout = TABLES) -> pa.Table:
    """Return `frame` as an Arrow table with exactly the table's columns, types and order of rows.

    Integers must be whole and in range; floats become float32 (NaN stays NaN). `ValueError` names
    the first column that is missing, unknown or of a wrong kind.
    """
    wanted = [column.name for column in columns(table, tables)]
    absent = [name for name in wanted if name not in frame.columns]
    unknown = [name for name in frame.columns if name not in wanted]
    if absent or unknown:
        fault = f"{absent[0]!r} is missing" if absent else f"{unknown[0]!r} is unknown"
        raise ValueError(f"table {table} has the columns {', '.join(wanted)}; {fault}.")
    arrays = [_array(table, column, frame[column.name]) for column in columns(table, tables)]
    result = pa.Table.from_arrays(arrays, schema=schema(table, tables))
    return result.sort_by([(key, "ascending") for key in KEYS[table]])


def to_parquet(table: pa.Table) -> bytes:
    """Return the bytes of a zstd-compressed parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", compression_level=9)
    return sink.getvalue()


LARGEST = 2**28
"""Bytes of a table's columns as stored, before compression: a file of 16 MiB may hold more."""


def from_parquet(
    table: str, data: bytes, tables: Layout = TABLES, rows: int | None = None
) -> pa.Table:
    """Read the bytes of a parquet file; `ValueError` when they are not this table.

    rows: the most it may hold. What a file says of itself is checked before its rows are read:
    a few bytes can hold millions of equal ones.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(data), read_dictionary=["arm"])
        _check_schema(table, file.schema_arrow, tables)
        said = file.metadata
        stored = sum(said.row_group(k).total_byte_size for k in range(said.num_row_groups))
        count = sum(said.row_group(k).num_rows for k in range(said.num_row_groups))
        if rows is not None and count > rows:
            raise _Refused(
                f"table {table} must have at most {rows:,} rows, got {count:,}; "
                "write it with this package."
            )
        if stored > LARGEST:
            raise _Refused(
                f"table {table} must have at most {LARGEST:,} bytes before compression, "
                f"got {stored:,}; divide it."
            )
        result = file.read()
        return result.cast(schema(table, tables))
    except _Refused:
        raise
    except (pa.ArrowException, OSError, ValueError):
        raise ValueError(
            f"table {table} must be a parquet file and cannot be read; run it again."
        ) from None


class _Refused(ValueError):
    """A sentence of ours, told apart from what a reader of parquet says."""


def _check_schema(table: str, found: pa.Schema, tables: Layout) -> None:
    wanted = schema(table, tables)
    for field in wanted:
        kind = found.field(field.name).type if field.name in found.names else None
        if kind is not None and pa.types.is_dictionary(kind):
            kind = kind.value_type
        if kind != field.type:
            raise _Refused(
                f"column {field.name} of {table} must hold {field.type}, "
                f"got {kind or 'no such column'}; write it with this package."
            )
    if found.names != wanted.names:
        raise _Refused(
            f"table {table} must have the columns {', '.join(wanted.names)}, "
            f"got {', '.join(found.names)}; write it with this package."
        )
