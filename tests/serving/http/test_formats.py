"""The format of an answer is the one that Accept prefers."""

from __future__ import annotations

import pyarrow as pa
import pytest

from serving.http.formats import ARROW, CSV, JSON, as_csv, csv_headers, preferred_format
from serving.schemas.errors import NotAcceptable


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/*", CSV),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        (f"image/png, {ARROW}", ARROW),
        ("text/csv;q=0, */*", JSON),
    ],
)
def test_the_preferred_format_is_chosen(accept: str | None, expected: str) -> None:
    assert preferred_format(accept) == expected


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "text/csv;q=x"])
def test_the_error_lists_the_formats_where_none_is_accepted(accept: str) -> None:
    with pytest.raises(NotAcceptable) as error:
        preferred_format(accept)
    assert CSV in error.value.hint


def test_headers_of_csv_have_what_json_says_beside_the_rows() -> None:
    marks = {"data_source": "sample", "notices": ["caf\u00e9"]}
    headers = csv_headers(marks)
    assert headers["x-bullion-data-source"] == '"sample"'
    assert headers["x-bullion-notices"].isascii()
    shares = pa.array([[("up", 0.25)]], pa.map_(pa.string(), pa.float64()))
    rows = pa.table({"symbol": ["A"], "probabilities": shares})
    answer = as_csv(rows, marks, {"X-Next-Cursor": "abc"})
    assert answer.body.decode().splitlines()[0] == '"symbol","probabilities"'
    assert '""up"":0.25' in answer.body.decode()
    assert answer.headers["x-next-cursor"] == "abc"
