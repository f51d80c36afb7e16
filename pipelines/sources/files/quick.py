"""The quick way through a CSV file that is clean and plain: one pass, every cell as its type.

It knows ISO times of the common length, all with an offset or none, and numbers; whatever else
a file holds it leaves, whole, to the slow way. What it reads it reads as the slow way does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipelines.sources.files.read import Lines

SHOWN = pa.timestamp("us")
SHAPE = {4: b"-", 7: b"-", 10: b" T", 13: b":", 16: b":"}
OFFSET = {19: b"+-", 22: b":"}
LENGTHS = {19: SHAPE, 25: SHAPE | OFFSET}


def values_in(
    lines: Lines, ts: int, numbers: Mapping[str, int], symbol: int | None
) -> pa.Table | None:
    """The columns that `_Sql.values` would make, or None for a file that needs it."""
    quotes = lines.body.count(b'"', _data(lines))
    wanted = {ts: pa.string()} | ({} if symbol is None else {symbol: pa.string()})
    if not lines.clean or b"\0" in lines.body or not wanted.keys().isdisjoint(numbers.values()):
        return None
    wanted |= dict.fromkeys(numbers.values(), pa.float64())
    try:
        # Quotes are taken as text, so that none is ever misread: only times may have them.
        read = pa_csv.read_csv(
            pa.BufferReader(lines.body),
            pa_csv.ReadOptions(
                skip_rows=lines.skip, column_names=[f"c{n}" for n in range(lines.width)]
            ),
            pa_csv.ParseOptions(delimiter=lines.delimiter, quote_char=False),
            pa_csv.ConvertOptions(
                column_types={f"c{n}": kind for n, kind in wanted.items()},
                include_columns=[f"c{n}" for n in wanted],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        if read.num_rows != lines.count or quotes not in (0, 2 * read.num_rows):
            return None
        shown = _bare(read[f"c{ts}"].chunks, 1 if quotes else 0)
        if shown is None:
            return None
        texts, width = shown
        offset = width == 25
        times = texts.cast(pa.timestamp("us", "UTC") if offset else SHOWN).cast(SHOWN)
    except pa.ArrowInvalid:
        return None
    none = pa.nulls(read.num_rows, SHOWN)
    made = {
        "wall": none if offset else times,
        "instant": times if offset else none,
        **{ours: read[f"c{n}"] for ours, n in numbers.items()},
    }
    if symbol is not None:
        trimmed = pc.utf8_trim(read[f"c{symbol}"], " ")
        made["symbol"] = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    return pa.table(made)


def _data(lines: Lines) -> int:
    """Where the data begin, after the lines to be skipped."""
    start = 0
    for _ in range(lines.skip):
        start = lines.body.find(b"\n", start) + 1
    return start


def _bare(chunks: Iterable[pa.Array], quoted: int) -> tuple[pa.ChunkedArray, int] | None:
    """The times without their quotes, and their one length; None if they are not alike."""
    parts, widths = [], set[int]()
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        count = len(chunk)
        ends = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset :][: count + 1]
        full = int(ends[1] - ends[0])
        width = full - 2 * quoted
        widths.add(width)
        if chunk.null_count or width not in LENGTHS or len(widths) > 1:
            return None
        if (np.diff(ends) != full).any():
            return None
        signs = np.frombuffer(chunk.buffers()[2], np.uint8)[ends[0] : ends[-1]]
        signs = signs.reshape(count, full)
        if quoted:
            if (signs[:, 0] != ord('"')).any() or (signs[:, -1] != ord('"')).any():
                return None
            signs = np.ascontiguousarray(signs[:, 1:-1])
            places = np.arange(0, width * count + 1, width, dtype=np.int32)
            buffers = [None, pa.py_buffer(places), pa.py_buffer(signs)]
            parts.append(pa.Array.from_buffers(pa.string(), count, buffers))
        else:
            parts.append(chunk)
        for place, known in LENGTHS[width].items():
            column = signs[:, place]
            if not np.logical_or.reduce([column == sign for sign in known]).all():
                return None
    return (pa.chunked_array(parts, pa.string()), widths.pop()) if parts else None
