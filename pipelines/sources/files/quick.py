"""Read a clean and simple CSV file quickly: in one pass, every cell as its type.

It reads ISO times of the common length, all with an offset or none, and numbers; a file with
anything else is left to the queries of bars.py. The results are the same as theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from pipelines.sources.files.lines import Lines
from pipelines.sources.files.pieces import count_sign

CLOCK_TYPE = pa.timestamp("us")
SHAPE = {4: b"-", 7: b"-", 10: b" T", 13: b":", 16: b":"}
OFFSET = {19: b"+-", 22: b":"}
LENGTHS = {19: SHAPE, 25: SHAPE | OFFSET}


def values_in(
    lines: Lines, ts: int, numbers: Mapping[str, int], symbol: int | None
) -> pa.Table | None:
    """Return the columns as `_BarQueries.values` does, or None for a file that needs it."""
    quotes = count_sign(lines.body, b'"') - lines.body.count(b'"', 0, _data_start(lines))
    types = {ts: pa.string()} | ({} if symbol is None else {symbol: pa.string()})
    if not lines.clean or b"\0" in lines.body or not types.keys().isdisjoint(numbers.values()):
        return None
    types |= dict.fromkeys(numbers.values(), pa.float64())
    try:
        # Quotes are read as text, so that none is misread: only times may have them.
        table = pa_csv.read_csv(
            pa.BufferReader(lines.body),
            pa_csv.ReadOptions(
                skip_rows=lines.skip, column_names=[f"c{n}" for n in range(lines.width)]
            ),
            pa_csv.ParseOptions(delimiter=lines.delimiter, quote_char=False),
            pa_csv.ConvertOptions(
                column_types={f"c{n}": kind for n, kind in types.items()},
                include_columns=[f"c{n}" for n in types],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        if table.num_rows != lines.count or quotes not in (0, 2 * table.num_rows):
            return None
        texts_and_width = _strip_quotes(table[f"c{ts}"].chunks, 1 if quotes else 0)
        if texts_and_width is None:
            return None
        texts, width = texts_and_width
        offset = width == 25
        times = texts.cast(pa.timestamp("us", "UTC") if offset else CLOCK_TYPE).cast(CLOCK_TYPE)
    except pa.ArrowInvalid:
        return None
    nulls = pa.nulls(table.num_rows, CLOCK_TYPE)
    columns = {
        "wall": nulls if offset else times,
        "instant": times if offset else nulls,
        **{name: table[f"c{n}"] for name, n in numbers.items()},
    }
    if symbol is not None:
        trimmed = pc.utf8_trim(table[f"c{symbol}"], " ")
        columns["symbol"] = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    return pa.table(columns)


def _data_start(lines: Lines) -> int:
    """Return where the data begin, after the skipped lines."""
    start = 0
    for _ in range(lines.skip):
        start = lines.body.find(b"\n", start) + 1
    return start


def _strip_quotes(chunks: Iterable[pa.Array], quoted: int) -> tuple[pa.ChunkedArray, int] | None:
    """Return the times without quotes, and their length; None if lengths or signs differ."""
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
        for place, allowed in LENGTHS[width].items():
            column = signs[:, place]
            if not np.logical_or.reduce([column == sign for sign in allowed]).all():
                return None
    return (pa.chunked_array(parts, pa.string()), widths.pop()) if parts else None
