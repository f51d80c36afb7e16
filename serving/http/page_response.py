"""A page of rows as an answer: in the form that the caller accepts, or 304 where it has it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Request
from fastapi.responses import Response

from serving.http.errors import error_responses
from serving.http.formats import (
    ARROW,
    CSV,
    CSV_HEADERS,
    as_arrow,
    as_csv,
    json_rows,
    preferred_format,
    without_formulas,
)
from serving.http.polled import matches
from serving.state.answers import OPTIONS, Row

FORMS = error_responses(406, 422) | {
    200: {
        "description": "Rows, the newest first, as JSON, CSV or Arrow: the header `Accept` chooses",
        "content": {ARROW: {}, CSV: {"schema": {"type": "string"}}},
        "headers": {
            "X-Next-Cursor": {
                "description": "cursor of the next page; absent on the last",
                "schema": {"type": "string"},
            },
            "ETag": {
                "description": "changes with the rows and the notices, and not with the snapshot: "
                "send it as `If-None-Match`",
                "schema": {"type": "string"},
            },
            **CSV_HEADERS,
        },
    },
    304: {"description": "The rows are those that the caller has", "content": {}},
}

ONE_PAGE = {status: answer for status, answer in FORMS.items() if status != 422}
"""The same of a listing that takes no parameters."""


def page_response(
    request: Request,
    rows: pa.Table,
    marks: Row,
    next_cursor: str | None,
    foreign: Sequence[str] = (),
) -> Response:
    """Send a page of rows, with its ETag; 304 where the caller named that.

    Of CSV, the foreign texts are such that no spreadsheet takes them for formulas.
    """
    media_type = preferred_format(request.headers.get("accept"))
    tag = _tag_of(rows, marks, next_cursor, media_type)
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "Accept"}
    if next_cursor:
        headers["x-next-cursor"] = next_cursor
    condition = request.headers.get("if-none-match", "").encode("latin-1")
    if condition and matches(condition, tag.encode()):
        return Response(status_code=304, headers=headers)
    if media_type == ARROW:
        return as_arrow(rows, marks, headers)
    if media_type == CSV:
        return as_csv(without_formulas(rows, foreign), marks, headers)
    body = marks | {"next": next_cursor, "rows": json_rows(rows)}
    return Response(
        orjson.dumps(body, option=OPTIONS), media_type="application/json", headers=headers
    )


def _tag_of(rows: pa.Table, marks: Row, next_cursor: str | None, media_type: str) -> str:
    """Return the ETag of a page: of its rows and of what is said about them."""
    columns = {}
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        columns[name] = _without_remains(column)
        if column.null_count:
            columns[f"{name} is null"] = pc.is_null(column)
    hashed_rows = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, hashed_rows.schema) as writer:
        writer.write_table(hashed_rows)
    digest = blake2b(sink.getvalue(), digest_size=12)
    about_rows = {name: value for name, value in marks.items() if name != "snapshot"}
    digest.update(orjson.dumps([about_rows, next_cursor, media_type], option=OPTIONS))
    return f'W/"{digest.hexdigest()}"'


def _without_remains(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with zeros for its nulls: below them lies what the memory had before."""
    if not column.null_count or not pa.types.is_primitive(column.type):
        return column  # of texts and lists, a null has no bytes
    [zero] = pa.Array.from_buffers(column.type, 1, [None, pa.py_buffer(bytes(16))])
    return pc.fill_null(column, zero)
