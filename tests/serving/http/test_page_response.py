"""A page of rows: 304 for who has it, a form for who wants another, no formula from outside."""

from __future__ import annotations

import pyarrow as pa
import pytest
from fastapi import Request
from fastapi.responses import Response

from serving.http.page_response import page_response
from serving.state.answers import Row

ROWS = pa.table({"title": ["=cmd|'/C calc'!A0"], "count": [1]})
MARKS: Row = {"snapshot": 7, "notices": []}


def answer(marks: Row = MARKS, cursor: str | None = None, **headers: str) -> Response:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "GET", "headers": raw})
    return page_response(request, ROWS, marks, cursor, ("title",))


def test_who_has_the_page_is_answered_304_also_after_a_commit_that_changed_nothing() -> None:
    first = answer()
    assert first.status_code == 200
    tag = first.headers["etag"]
    again = answer(MARKS | {"snapshot": 8}, if_none_match=tag)
    assert (again.status_code, again.body) == (304, b"")
    assert answer(MARKS | {"notices": ["late"]}, if_none_match=tag).status_code == 200
    assert answer(cursor="next", if_none_match=tag).headers["x-next-cursor"] == "next"


@pytest.mark.parametrize(
    "form", ["application/json", "text/csv", "application/vnd.apache.arrow.stream"]
)
def test_each_form_has_a_tag_of_its_own(form: str) -> None:
    sent = answer(accept=form)
    assert sent.headers["content-type"].startswith(form)
    assert sent.headers["vary"] == "Accept"
    assert answer(accept=form, if_none_match=sent.headers["etag"]).status_code == 304
    others = {"application/json", "text/csv"} - {form}
    for other in others:
        assert answer(accept=other, if_none_match=sent.headers["etag"]).status_code == 200


def test_a_text_from_outside_is_no_formula_in_a_spreadsheet() -> None:
    body = bytes(answer(accept="text/csv").body).decode()
    assert "=cmd" in body
    assert not any(cell.strip('"').startswith("=") for cell in body.split(","))
