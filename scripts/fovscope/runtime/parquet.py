"""Tables as Parquet files that hold a digest of their content.

The digest is computed again whenever a table is read: a byte that changed on the disk is an error,
never another number. It covers names, types, values and their order, not how the file is
cut or compressed. Any other reader of Parquet passes it over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fovscope import FovscopeError
from fovscope.runtime.provenance import replacing

_DIGEST = b"fovscope.sha256"
"""Key of the digest in the metadata of a Parquet file."""

_REMEDY = "delete it and run the workflow again"


class TableError(FovscopeError):
    """A table that is not what was written; the message says what to do."""


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet with the digest of its content, whole or not at all.

    Equal tables give equal files.

    Raises
    ------
    TypeError
        If a column holds something other than numbers, dates, text or bytes.
    """
    content = pa.Table.from_pandas(table, preserve_index=False)
    known = dict(content.schema.metadata or {})
    content = content.replace_schema_metadata(known | {_DIGEST: _digest(content)})
    with replacing(path) as temporary:
        pq.write_table(content, temporary)


def read_table(
    path: str | Path, columns: Iterable[str] | None = None, *, ours: bool = True
) -> pd.DataFrame:
    """Read a Parquet file and compare its content with the digest in it.

    Parameters
    ----------
    path : path
        The file.
    columns : iterable of str, optional
        Columns to return; all by default. All of them are compared.
    ours : bool
        Whether `write_table` must have written it. A table from elsewhere has no digest and
        is read as it is.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    TableError
        If the file is damaged, or `ours` and without a digest.
    FileNotFoundError
        If there is no such file.
    """
    try:
        with pq.ParquetFile(path) as file:  # `read_table` would make columns of a folder `a=b`
            content = file.read()
        noted = (content.schema.metadata or {}).get(_DIGEST)
        found = None if noted is None else _digest(content)
    except (pa.ArrowException, ValueError, TypeError, OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno:  # of the file system, not of the content
            raise
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise TableError(f"{path} is damaged ({what}); {_REMEDY}") from error
    if noted is None and ours:
        raise TableError(f"{path} has no digest: it is damaged, or not of fovscope; {_REMEDY}")
    if found != noted:
        raise TableError(f"{path} was damaged after it was written; {_REMEDY}")
    return (content if columns is None else content.select(list(columns))).to_pandas()


def _digest(table: pa.Table) -> bytes:
    """Return the SHA-256 of names, types, values, their order, and metadata other than itself."""
    digest = hashlib.sha256()
    metadata = {k: v for k, v in (table.schema.metadata or {}).items() if k != _DIGEST}
    described = [(field.name, str(field.type), field.nullable) for field in table.schema]
    digest.update(repr((table.num_rows, described, sorted(metadata.items()))).encode())
    for column in table.columns:
        for piece in _pieces(column):
            digest.update(piece)
    return digest.hexdigest().encode()


def _pieces(column: pa.ChunkedArray) -> Iterator[bytes | pa.Buffer | NDArray]:
    """Yield the content of a column, the same however it is cut into chunks."""
    if column.null_count:
        for chunk in column.chunks:
            yield chunk.is_valid().cast(pa.uint8()).to_numpy()
    kind = column.type
    if pa.types.is_null(kind):
        return
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.uint8()), pa.uint8()
    # What lies in the place of a missing value is left to chance.
    chunks = [_without_missing(chunk) for chunk in column.chunks]
    if pa.types.is_primitive(kind):
        width = kind.bit_width // 8
        for chunk in chunks:
            if len(chunk):
                yield chunk.buffers()[1].slice(chunk.offset * width, len(chunk) * width)
        return
    long = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    if not (long or pa.types.is_string(kind) or pa.types.is_binary(kind)):
        raise TypeError(f"columns of type {kind} cannot be kept in a table")
    texts = []
    for chunk in chunks:
        if len(chunk):
            _, starts, text = chunk.buffers()
            starts = np.frombuffer(starts, np.int64 if long else np.int32)
            starts = starts[chunk.offset : chunk.offset + len(chunk) + 1]
            yield np.diff(starts).astype(np.int64)
            if text is not None:
                texts.append(text.slice(int(starts[0]), int(starts[-1] - starts[0])))
    yield from texts


def _without_missing(chunk: pa.Array) -> pa.Array:
    if not chunk.null_count:
        return chunk
    binary = pa.types.is_binary(chunk.type) or pa.types.is_large_binary(chunk.type)
    text = pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)
    filler = b"" if binary else "" if text else 0
    return chunk.fill_null(pa.scalar(filler).cast(chunk.type))
