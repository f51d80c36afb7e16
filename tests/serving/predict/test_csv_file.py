"""Files of bars: one answer for every row, and errors for files that are no CSV."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.daily_requests import NAMES, upload_daily
from tests.serving.hourly_files import HEADER, file_of, rows_of, upload
from tests.serving.scored_api import problem
from tests.serving.serving_models import (
    NEEDED,
    SYMBOLS,
)


@pytest.mark.parametrize("name", ["file", '"file"', "other"])
def test_a_form_may_have_fields_besides_the_file(client: TestClient, name: str) -> None:
    content = file_of(*rows_of(SYMBOLS[0])).replace("\n", "\r\n")
    parts = {"note": "--x", name: content, "more": "-"}
    body = "preamble" + "".join(
        f"\r\n--x\r\nX: 1\r\ncontent-disposition: form-data; name={field}\r\n\r\n{value}"
        for field, value in parts.items()
    )
    answer = client.post(
        "/predict_batch",
        content=body + "\r\n--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    if name == "other":
        assert problem(answer).message == "the form has no file"
    else:
        assert answer.json()["scored"] == 4


def test_unknown_columns_are_ignored(client: TestClient) -> None:
    content = file_of(*(f"{row},x" for row in rows_of(SYMBOLS[0])), header=f"{HEADER},note")
    assert upload(client, content).json()["scored"] == 4


def in_two_columns(rows: list[str], first: str = "date", second: str = "time") -> str:
    """Return a file with the day and the time of day in two columns."""
    header = HEADER.replace("ts", f"{first},{second}")
    return file_of(*(row.replace("T", ",", 1) for row in rows), header=header)


def test_a_date_column_and_a_time_column_are_joined(client: TestClient) -> None:
    rows = rows_of("NVDA", NEEDED + 1)
    rows = rows[:-1]  # not the newest closed bars, so that their times matter
    whole = upload(client, file_of(*rows)).json()
    apart = upload(client, in_two_columns(rows)).json()
    assert apart["scored"] == 1
    assert apart["rows"] == whole["rows"]
    assert apart["notices"] == whole["notices"]


def test_a_time_without_a_zone_is_refused_in_two_columns_too(client: TestClient) -> None:
    rows = [row.replace("T", ",", 1).replace("+00:00", "", 1) for row in rows_of("NVDA")]
    content = file_of(*rows, header=HEADER.replace("ts", "date,time"))
    answer = upload(client, content).json()
    assert answer["bad"] == len(rows)
    assert "such as 2026-08-28T14:30:00Z" in answer["rows"][0]["reason"]


@pytest.mark.parametrize(
    "names",
    [("date", "timestamp"), ("datetime", "time"), ("open_time", "close_time"), ("day", "Open Time"),
     ("date (utc)", "at"), ("date", "date")],
)  # fmt: skip
def test_a_file_without_a_known_time_column_is_refused(
    client: TestClient, names: tuple[str, str]
) -> None:
    answer = upload(client, in_two_columns(rows_of("NVDA"), *names))
    assert answer.status_code == 422
    assert "which column has the bars' times" in problem(answer).message
    assert "call the column of their opens ts" in problem(answer).hint


def test_a_known_time_column_is_used_whatever_other_columns_are_called(client: TestClient) -> None:
    rows = rows_of("NVDA")
    whole = upload(client, file_of(*rows)).json()
    for time, extra in (("ts", "date"), ("timestamp", "close_time")):
        header = HEADER.replace("ts", time) + f",{extra}"
        content = file_of(*(f"{row},2020-01-01" for row in rows), header=header)
        assert upload(client, content).json()["rows"] == whole["rows"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (HEADER.encode(), "no row"),
        (b"<!DOCTYPE html><html><body>no</body></html>", "web page"),
        (b'{"bars": []}', "JSON"),
        (file_of(*rows_of("NVDA")).replace(",", ";").encode(), "semicolons"),
        (file_of(*rows_of("NVDA")).replace(",", "\t").encode(), "tabs"),
        (file_of(*rows_of("NVDA")).encode("utf-16"), "UTF-16"),
        (file_of("Nürnberg,1,1,1,1,1,1").encode("latin-1"), "not UTF-8"),
        (b"PK\x03\x04 workbook", "compressed"),
        (b"open,high,low\n1,1,1\n", "no column close"),
        (b"open,open,high,low,close\n1,1,1,1,1\n", "twice"),
        (file_of('"unclosed,1,1,1,1,1,1').encode(), "not CSV"),
        (b"open,high,low,close\x00\n", "NUL"),
        (",".join(["close"] * 100_000).encode(), "1,000 cells"),
        (file_of(",".join("1" * 2000)).encode(), "1,000 cells"),
        (file_of('1,"', *['",1,"'] * 900, '"').encode(), "1,000 cells"),
        (b"open,high,low" + b";" * 100_000, "no column low"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_with_a_hint(
    client: TestClient, content: bytes, word: str
) -> None:
    answer = upload(client, content)
    assert answer.status_code == 422
    assert word in problem(answer).message
    assert (problem(answer).field, bool(problem(answer).hint)) == ("file", True)


def test_a_file_with_too_many_rows_or_bytes_is_refused(client: TestClient) -> None:
    limit = client.app.state.settings  # type: ignore[attr-defined]
    rows = "\n".join(["NVDA,,1,1,1,1,1"] * (limit.rows + 1))
    assert upload(client, file_of(rows)).status_code == 413
    for empty_line in ("\n", '""\n', ",\n"):
        content = file_of(*rows_of("NVDA")) + "\n" + empty_line * (2 << 20)
        answer = upload(client, content)
        assert answer.status_code == 413
        assert "100,000 lines" in problem(answer).message
    answer = upload(client, b"x" * (limit.body_bytes + 1))
    assert answer.status_code == 413
    assert upload(client, file_of(rows), "image/png").status_code == 406


cells = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["NVDA", "1", "-1", "nan", "1e999", "1_0", "2026-08-31T19:30:00Z", "9999-12-31", '"']
)


@settings(max_examples=100)
@given(
    rows=st.lists(st.lists(cells, min_size=5, max_size=8).map(",".join), max_size=6),
    accept=st.sampled_from(["text/csv", "application/json"]),
    good=st.booleans(),
)
def test_no_file_breaks_the_api(
    client: TestClient, rows: list[str], accept: str, good: bool
) -> None:
    content = file_of(*(rows_of(SYMBOLS[0]) if good else ()), *rows)
    answer = upload(client, content.encode(), accept)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        assert problem(answer).message


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (",".join(name for name in NAMES if name != "rsi_14"), "no column rsi_14"),
        (",".join("rsi14" if name == "rsi_14" else name for name in NAMES), "is it 'rsi14'?"),
        (",".join((*NAMES, "rsi_14")), "rsi_14 comes twice"),
        (";".join(NAMES), "semicolons"),
        ("open,high,low", "no column close"),
        ("a,b,c", "no column open"),
    ],
)
def test_the_error_names_what_a_header_lacks(client: TestClient, header: str, word: str) -> None:
    answer = upload_daily(client, f"{header}\n" + ",".join("1" * len(NAMES)))
    assert answer.status_code == 422
    assert word in problem(answer).message
