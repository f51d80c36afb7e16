"""The rows of a file of articles: none is lost, and a broken one takes no other with it."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import SourceError
from pipelines.sources.files import articles
from pipelines.sources.files.articles import BrokenRow, read_rows, table_columns
from pipelines.sources.files.limits import MOST_LINE
from pipelines.sources.files.mapping import Csv

ROWS = [{"title": "a", "url": "1"}, {"title": "b", "url": "2"}]


def rows_of(
    body: str | bytes, path: str = "a.json", list_path: str = "", shape: Csv | None = None
) -> list[Any]:
    file = io.BytesIO(body.encode() if isinstance(body, str) else body)
    rows = read_rows(path, file, shape or Csv(), list_path)
    return [(n, row.reason if isinstance(row, BrokenRow) else row) for n, row in rows]


@pytest.mark.parametrize(
    ("content", "list_path"),
    [
        (ROWS, ""),
        ({"articles": ROWS, "tags": []}, ""),
        ({"only": ROWS, "count": 2}, ""),
        ({"response": {"body": ROWS}}, "response.body"),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_json(content: Any, list_path: str, is_packed: bool, indent: int | None) -> None:
    body = json.dumps(content, indent=indent).encode()
    numbered = list(enumerate(ROWS, 1))
    assert rows_of(gzip.compress(body) if is_packed else body, "x", list_path) == numbered


def test_an_object_a_line() -> None:
    lines = [json.dumps(ROWS[0]), "", "[1]", "{oops", json.dumps(ROWS[1])]
    expected = [(1, ROWS[0]), (3, "not_an_object"), (4, "unreadable"), (5, ROWS[1])]
    assert rows_of("\n".join(lines)) == expected
    assert rows_of(json.dumps(ROWS[0]), "a.ndjson.gz") == [(1, ROWS[0])]


@pytest.mark.parametrize(
    ("body", "list_path", "words"),
    [
        ('[{"a": 1}', "", "is no JSON"),
        ('{"a": 1}', "", "has no list of articles"),
        ('{"a": [], "b": []}', "", "has no list of articles"),
        ('{"a": {"b": []}}', "a.c", "has no 'c' of list 'a.c'; there are: b"),
        ('{"a": {"b": 1}}', "a.b", "has no list of articles at"),
        ("[" * 100_000, "", "is no JSON"),
        ("<html>Log in</html>", "", "is a web page"),
        ("", "", "is empty"),
    ],
)
def test_a_document_without_articles_is_refused(body: str, list_path: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        rows_of(body, list_path=list_path)


def test_json_is_bounded_also_when_it_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(articles, "MOST_JSON", 1000)
    with pytest.raises(SourceError, match="more than the 1,000 bytes of JSON"):
        rows_of(gzip.compress(json.dumps(["x" * 2000]).encode()))


def test_a_quote_may_span_lines_and_an_open_one_loses_its_line_alone() -> None:
    body = 'title,url\n"a\nb, ""c""",1\n"open,2\nd,3\n\ne,4,5\nf,\n"g"h,6\n'
    assert rows_of(body, "a.csv") == [
        (2, {"title": 'a\nb, "c"', "url": "1"}),
        (4, "unreadable"),
        (5, {"title": "d", "url": "3"}),
        (7, "unreadable"),
        (8, {"title": "f", "url": None}),
        (9, "unreadable"),
    ]


def test_an_open_quote_before_a_closed_one_keeps_what_can_be_read() -> None:
    body = 'title,url\n"open,1\nx,2\n"y",3\n'
    assert rows_of(body, "a.csv") == [
        (2, "unreadable"),
        (3, {"title": "x", "url": "2"}),
        (4, {"title": "y", "url": "3"}),
    ]


def test_a_long_line_is_a_broken_row() -> None:
    body = f"title,url\n{'x' * (MOST_LINE + 1)},1\na,2"
    assert rows_of(body, "a.csv") == [(2, "unreadable"), (3, {"title": "a", "url": "2"})]
    assert rows_of(f'{{"a": "{"x" * MOST_LINE}"}}\n{{}}', "a.jsonl") == [(1, "unreadable"), (2, {})]


def test_the_shape_of_a_csv_is_obeyed() -> None:
    shape = Csv(delimiter=";", names=("title", "url"), skip=1, null_values=("", "none"))
    assert rows_of("made by\n[a;1\nNone;2", "a.csv", shape=shape) == [
        (2, {"title": "[a", "url": "1"}),
        (3, {"title": None, "url": "2"}),
    ]


def test_parquet_and_the_columns_of_a_table() -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), buffer)
    assert rows_of(buffer.getvalue()) == list(enumerate(ROWS, 1))
    assert table_columns("a", buffer, Csv()) == ["title", "url"]
    assert table_columns("a", io.BytesIO(b"title;url\na;1"), Csv()) == ["title", "url"]
    assert table_columns("a", io.BytesIO(b"[]"), Csv()) is None
