"""Rows as JSON, CSV or Arrow, whichever the caller accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from fastapi.responses import Response

from pipelines.core.maps import map_columns, read_rows
from serving.schemas.errors import NotAcceptable
from serving.state.answers import OPTIONS

ARROW, CSV, JSON = "application/vnd.apache.arrow.stream", "text/csv", "application/json"
FORMATS = (JSON, CSV, ARROW)
ROWS_AT_ONCE = 100  # rows of JSON that are encoded while every other request waits
CSV_HEADERS: Mapping[str, Any] = {
    "X-Bullion-Notices": {
        "description": "of CSV: what `notices` says in JSON, as a JSON list; every other field of "
        "the JSON answer that is about all rows has its header too, such as X-Bullion-Sample",
        "schema": {"type": "string"},
    }
}


def preferred_format(accept: str | None) -> str:
    """Return the format that a caller prefers; JSON where it has no preference."""
    choices: list[tuple[float, str]] = []
    for part in (accept or "*/*").split(","):
        kind, *options = (piece.strip().lower() for piece in part.split(";"))
        weight = next((o[2:] for o in options if o.startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            quality = 0.0
        for media_type in FORMATS:
            if quality > 0 and kind in (media_type, "*/*", media_type.split("/")[0] + "/*"):
                choices.append((quality, media_type))
    if not choices:
        raise NotAcceptable(f"none of {accept!r} is made here", f"accept {', '.join(FORMATS)}")
    return max(choices, key=lambda choice: (choice[0], -FORMATS.index(choice[1])))[1]


def as_arrow(rows: pa.Table, marks: Mapping[str, object], headers: Mapping[str, str]) -> Response:
    """Send rows as an Arrow stream; its schema has the notes that JSON has beside the rows."""
    metadata = {f"bullion.{name}": orjson.dumps(value) for name, value in marks.items()}
    sink = pa.BufferOutputStream()
    rows = rows.replace_schema_metadata(metadata)
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=dict(headers))


def json_rows(rows: pa.Table) -> orjson.Fragment:
    """Return rows as a list in JSON, encoded a few at a time, so that other requests get a turn.

    Their times are read as UTC without a zone: with one, Arrow takes ten times as long.
    """
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            naive = rows.column(place).cast(pa.timestamp(field.type.unit))
            rows = rows.set_column(place, field.name, naive)
    parts = list[bytes]()
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        part = read_rows(rows.slice(start, ROWS_AT_ONCE))
        parts.append(orjson.dumps(part, option=OPTIONS | orjson.OPT_NAIVE_UTC)[1:-1])
    return orjson.Fragment(b"[%b]" % b",".join(parts))


def csv_headers(marks: Mapping[str, object]) -> dict[str, str]:
    """Return what an answer says about all its rows as headers; each value is JSON in ASCII."""
    plain = orjson.loads(orjson.dumps(marks, option=OPTIONS))  # times as JSON has them
    return {f"x-bullion-{name.replace('_', '-')}": json.dumps(plain[name]) for name in plain}


def as_csv(rows: pa.Table, marks: Mapping[str, object], headers: Mapping[str, str]) -> Response:
    """Send rows as CSV with a header line; maps and lists are JSON in their column.

    What JSON says beside the rows stands in the answer's headers.
    """
    import pyarrow.csv

    for field in rows.schema:
        if pa.types.is_list(field.type):
            lists = [orjson.dumps(value).decode() for value in rows[field.name].to_pylist()]
            place = rows.schema.get_field_index(field.name)
            rows = rows.set_column(place, field.name, pa.array(lists, pa.string()))
    for name in map_columns(rows):
        place = rows.schema.get_field_index(name)
        values = rows[name].to_pylist()
        texts = [None if value is None else orjson.dumps(dict(value)).decode() for value in values]
        rows = rows.set_column(place, name, pa.array(texts, pa.string()))
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(rows, sink)
    all_headers = csv_headers(marks) | dict(headers)
    return Response(sink.getvalue().to_pybytes(), media_type=CSV, headers=all_headers)


def without_formulas(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return rows with a quote before foreign texts that a spreadsheet took for a formula."""
    for name in names:
        quoted = pc.replace_substring_regex(rows[name], r"^([=+\-@\t\r])", r"'\1")
        rows = rows.set_column(rows.schema.get_field_index(name), name, quoted)
    return rows
