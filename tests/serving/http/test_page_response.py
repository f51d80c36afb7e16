"""A page of rows is sent in the form that the caller accepts, or not at all where it has it."""

from __future__ import annotations

from typing import Any

import orjson
import pyarrow as pa
import pytest
from fastapi import Request

from serving.http.formats import CSV, JSON
from serving.http.page_response import page_response

ROWS = pa.table({"title": ["=cmd()", "Stocks rise"], "count": [1, 2], "topics": [["a"], []]})
MARKS = {"notices": [], "snapshot": 7}


def request(accept: str = JSON, tag: str = "") -> Request:
    headers = [(b"accept", accept.encode()), (b"if-none-match", tag.encode())]
    return Request({"type": "http", "headers": headers})


def test_json_has_the_rows_as_they_are_and_the_cursor_twice() -> None:
    answer = page_response(request(), ROWS, MARKS, "next", foreign=["title"])
    content: dict[str, Any] = orjson.loads(answer.body)
    assert content == MARKS | {"next": "next", "rows": ROWS.to_pylist()}
    assert answer.headers["x-next-cursor"] == "next"


def test_foreign_texts_are_no_formulas_in_csv() -> None:
    answer = page_response(request(CSV), ROWS, MARKS, None, foreign=["title"])
    lines = bytes(answer.body).decode().splitlines()
    assert lines[1] == '"\'=cmd()",1,"[""a""]"'
    assert lines[2].startswith('"Stocks rise"')
    assert "x-next-cursor" not in answer.headers


@pytest.mark.parametrize("accept", [JSON, CSV])
def test_a_page_that_the_caller_has_is_not_sent_again(accept: str) -> None:
    tag = page_response(request(accept), ROWS, MARKS, None).headers["etag"]
    for condition in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        again = page_response(request(accept, condition), ROWS, MARKS, None)
        assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", tag)


def test_the_tag_changes_with_rows_notices_and_form_but_not_with_the_snapshot() -> None:
    def tag(rows: pa.Table = ROWS, accept: str = JSON, cursor: str = "", **marks: Any) -> str:
        return page_response(request(accept), rows, MARKS | marks, cursor).headers["etag"]

    assert tag(snapshot=8) == tag()
    others = [tag(ROWS.slice(1)), tag(notices=["stale"]), tag(accept=CSV), tag(cursor="next")]
    assert len({tag(), *others}) == 5


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us", "UTC")], ids=str
)
def test_what_the_memory_had_below_a_null_makes_no_other_tag(kind: pa.DataType) -> None:
    def tag(remains: int) -> str:
        width = kind.bit_width // 8  # of a value; a truth is a bit
        values = pa.py_buffer(bytes([remains] * max(width, 1) + [0] * 16))
        validity = pa.py_buffer(bytes([0b10]))
        column = pa.Array.from_buffers(kind, 2, [validity, values])
        return page_response(request(), pa.table({"x": column}), MARKS, None).headers["etag"]

    assert tag(remains=0) == tag(remains=1 if kind == pa.bool_() else 77)


def test_a_null_and_a_zero_have_another_tag() -> None:
    tags = {
        page_response(request(), pa.table({"x": pa.array(values)}), MARKS, None).headers["etag"]
        for values in ([0.0, 1.0], [None, 1.0], [0.0, None], [1.0, None])
    }
    assert len(tags) == 4
