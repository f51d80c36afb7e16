"""From the bytes of a Parquet file to its table, within limits.

A file of two megabytes may hold gigabytes: pages are compressed, and a long text that stands in
every row is written once. So its own figures are looked at before it is read, and texts are read
as numbers of a list until it is known how long they are altogether.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import check_shape, check_unpacked


def read_parquet(path: str, body: bytes) -> pa.Table:
    """Read the table of a Parquet file."""
    try:
        schema = pq.read_schema(pa.BufferReader(body))
        texts = [
            field.name
            for field in schema
            if pa.types.is_string(field.type) or pa.types.is_binary(field.type)
        ]
        with pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts) as file:
            about = file.metadata
            check_shape(path, about.num_rows, about.num_columns)
            groups = [about.row_group(n).total_byte_size for n in range(about.num_row_groups)]
            check_unpacked(path, len(body), sum(groups))
            table = file.read()
        check_unpacked(path, len(body), sum(_length(column) for column in table.columns))
        columns = [_decoded(c) if pa.types.is_dictionary(c.type) else c for c in table.columns]
        return pa.table(columns, names=schema.names).cast(schema)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} is a broken Parquet file: {error}", "write or copy that file again"
        ) from None


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts with a mark for each sign that is not UTF-8, at which DuckDB would fail."""
    chunks = []
    for chunk in column.chunks:
        try:
            chunk.validate(full=True)
        except pa.ArrowInvalid:
            texts = chunk.dictionary.cast(pa.binary()).to_pylist()
            known = pa.array([t if t is None else t.decode("utf-8", "replace") for t in texts])
            chunk = pa.DictionaryArray.from_arrays(chunk.indices, known)
        chunks.append(chunk)
    return pa.chunked_array(chunks, column.type)


def _length(column: pa.ChunkedArray) -> int:
    """The bytes of all texts of a column."""
    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = (
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )
    return sum(lengths)
