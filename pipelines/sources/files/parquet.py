"""Read a Parquet file from bytes, within limits.

A file of two megabytes may hold gigabytes: pages are compressed, and a text that is repeated in
every row is stored once. So the sizes in its metadata are checked first, and texts are read as
dictionaries until their total length is known.
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
            metadata = file.metadata
            check_shape(path, metadata.num_rows, metadata.num_columns)
            groups = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
            check_unpacked(path, len(body), sum(groups))
            table = file.read()
        check_unpacked(path, len(body), sum(_text_bytes(column) for column in table.columns))
        columns = [
            _replace_undecodable(c) if pa.types.is_dictionary(c.type) else c for c in table.columns
        ]
        return pa.table(columns, names=schema.names).cast(schema)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{path} is a broken Parquet file: {error}", "write or copy that file again"
        ) from None


def _replace_undecodable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Replace bytes of a text column that are not UTF-8, on which DuckDB would fail."""
    chunks = []
    for chunk in column.chunks:
        try:
            chunk.validate(full=True)
        except pa.ArrowInvalid:
            texts = chunk.dictionary.cast(pa.binary()).to_pylist()
            readable = pa.array([t if t is None else t.decode("utf-8", "replace") for t in texts])
            chunk = pa.DictionaryArray.from_arrays(chunk.indices, readable)
        chunks.append(chunk)
    return pa.chunked_array(chunks, column.type)


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Return the total bytes of the texts of a column."""
    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = (
        pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )
    return sum(lengths)
