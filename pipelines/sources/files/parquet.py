"""Read a Parquet file in pieces, within limits.

A file of two megabytes may hold gigabytes: pages are compressed, and a text that is repeated in
every row is stored once. So the sizes in its metadata are checked first, and texts are read as
dictionaries until their total length is known.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.errors import SourceError
from pipelines.sources.files.limits import check_shape, check_unpacked, unpack_pieces

MAGIC = b"PAR1"
ROW_BYTES = 16  # of a cell, in a guess at how many rows are a piece


def is_parquet(path: str, file: IO[bytes]) -> bool:
    """Whether a file, once unpacked, is Parquet."""
    return next(unpack_pieces(path, file), b"").startswith(MAGIC)


@contextmanager
def unpacked(path: str, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a file, or a copy that is unpacked: Parquet is not read from its start to its end."""
    file.seek(0)
    if file.read(len(MAGIC)) == MAGIC:
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        for piece in unpack_pieces(path, file):
            copy.write(piece)
        yield copy


class ParquetTable:
    """The table of a Parquet file."""

    def __init__(self, path: str, file: IO[bytes], piece_bytes: int) -> None:
        self.path = path
        self._file = file
        self._piece_bytes = piece_bytes
        self._size = file.seek(0, io.SEEK_END)
        try:
            file.seek(0)
            self.schema = pq.read_schema(file)
            with self._open() as parquet:
                metadata = parquet.metadata
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from None
        check_shape(path, metadata.num_rows, metadata.num_columns)
        groups = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
        check_unpacked(path, self._size, sum(groups))
        self._batch = max(1, piece_bytes // (ROW_BYTES * max(1, metadata.num_columns)))
        self.is_single = metadata.num_rows <= self._batch and len(groups) <= 1

    def pieces(self) -> Iterator[pa.Table]:
        """Yield the rows in pieces; an empty table where there are none."""
        text_bytes, rows = 0, 0
        try:
            with self._open() as parquet:
                for batch in parquet.iter_batches(batch_size=self._batch):
                    text_bytes += sum(_text_bytes(column) for column in batch.columns)
                    check_unpacked(self.path, self._size, text_bytes)
                    rows += batch.num_rows
                    yield from self._decode(batch)
                if not rows:
                    yield self.schema.empty_table()
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from None

    def _decode(self, batch: pa.RecordBatch) -> Iterator[pa.Table]:
        """Yield the rows with texts as texts; few at a time where texts are long."""
        text_bytes = sum(_text_bytes(column) for column in batch.columns)
        if text_bytes > 4 * self._piece_bytes and batch.num_rows > 1:
            half = batch.num_rows // 2
            yield from self._decode(batch.slice(0, half))
            yield from self._decode(batch.slice(half))
            return
        columns = [
            _replace_undecodable(c) if pa.types.is_dictionary(c.type) else c for c in batch.columns
        ]
        yield pa.table(columns, names=self.schema.names).cast(self.schema)

    def _open(self) -> pq.ParquetFile:
        self._file.seek(0)
        schema = self.schema
        texts = [
            field.name
            for field in schema
            if pa.types.is_string(field.type) or pa.types.is_binary(field.type)
        ]
        return pq.ParquetFile(pa.PythonFile(self._file, "r"), read_dictionary=texts)

    def _broken(self, error: Exception) -> SourceError:
        return SourceError(
            f"{self.path} is a broken Parquet file: {error}", "write or copy that file again"
        )


def _replace_undecodable(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Replace bytes of a text column that are not UTF-8, on which DuckDB would fail."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        texts = column.dictionary.cast(pa.binary()).to_pylist()
        readable = pa.array([t if t is None else t.decode("utf-8", "replace") for t in texts])
        return pa.DictionaryArray.from_arrays(column.indices, readable)
    return column


def _text_bytes(column: pa.Array) -> int:
    """Return the total bytes of the texts of a column."""
    if not pa.types.is_dictionary(column.type):
        return 0
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return pc.sum(lengths.cast(pa.int64())).as_py() or 0
