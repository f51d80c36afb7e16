"""Files of bars: one answer for every row, and errors for files that are no CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.predict.file_answers import escape_formula
from serving.schemas.scoring import FileAnswer, Prediction
from tests.serving.scored_api import problem
from tests.serving.serving_models import (
    NEEDED,
    SYMBOLS,
    UNTRAINED,
    build_request,
)

HEADER = "symbol,ts,open,high,low,close,volume"
UNTIMED = "open,high,low,close,volume"
NAMES = ("ts", "open", "high", "low", "close", "volume")


def rows_of(symbol: str, count: int = NEEDED + 3) -> list[str]:
    bars = build_request(symbol, count=count)["bars"]
    return [",".join([symbol, *(str(bar[name]) for name in NAMES)]) for bar in bars]


def file_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def upload(client: TestClient, content: str | bytes, accept: str = "*/*", query: str = "") -> Any:
    return client.post(f"/predict_batch{query}", content=content, headers={"accept": accept})


def test_each_row_is_answered_in_the_order_of_the_file(client: TestClient) -> None:
    rows = [row for pair in zip(*(rows_of(s) for s in SYMBOLS[:2]), strict=True) for row in pair]
    answer = FileAnswer.model_validate_json(upload(client, file_of(*rows)).text)
    assert [row.line for row in answer.rows] == list(range(2, len(rows) + 2))
    assert [row.symbol for row in answer.rows] == [row.split(",")[0] for row in rows]
    assert (answer.scored, answer.warming_up, answer.bad) == (8, 2 * (NEEDED - 1), 0)
    assert answer.rows[0].reason is not None
    assert "warm-up" in answer.rows[0].reason
    for row, symbol in zip(answer.rows[-2:], SYMBOLS[:2], strict=True):
        alone = Prediction.model_validate_json(
            client.post("/predict", json=build_request(symbol)).text
        )
        assert row.prediction is not None
        assert row.prediction.action == alone.action
        assert row.prediction.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert row.timestamp_next == alone.timestamp_next
        assert row.spans_night is alone.spans_night is True


def test_json_csv_and_form_uploads_give_the_same_answer(client: TestClient) -> None:
    content = file_of(*rows_of(SYMBOLS[0]))
    from_json = upload(client, content).json()
    answer = upload(client, content, "text/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == len(from_json["rows"])
    for row, json_row in zip(rows, from_json["rows"], strict=True):
        assert row["reason"] == (json_row["reason"] or "")
        prediction = json_row["prediction"] or {}
        assert row["action"] == prediction.get("action", "")
        if prediction:
            assert float(row["p_hold"]) == prediction["probabilities"]["hold"]
    from_form = client.post("/predict_batch", files={"file": ("bars.csv", content)}).json()
    assert from_form["rows"] == from_json["rows"]


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


def test_bad_rows_get_a_reason_with_their_line_and_the_others_are_scored(
    client: TestClient,
) -> None:
    rows = rows_of(SYMBOLS[0], NEEDED + 8)
    rows[2] = rows[2].replace(rows[2].split(",")[5], "-7", 1)
    rows[3] = rows[3].replace(rows[3].split(",")[1], "yesterday")
    rows[4] = rows[4].replace(rows[4].split(",")[1], "2026-08-15T14:30:00Z")
    rows[5] += ",too,many"
    rows[6] = rows[6].rsplit(",", 2)[0] + ",abc,1"
    rows.append(rows[-1])
    rows.append(rows[0].replace(SYMBOLS[0], "NONE"))
    rows.append(rows[0].replace(SYMBOLS[0], UNTRAINED))
    answer = FileAnswer.model_validate_json(upload(client, file_of(*rows)).text)
    reasons = {row.line: row.reason or "" for row in answer.rows if "line" in (row.reason or "")}
    last = len(rows) + 1
    assert set(reasons) == {4, 5, 6, 7, 8, last - 2, last - 1, last}
    assert all(reason.startswith(f"line {line}:") for line, reason in reasons.items())
    assert f"same bar as line {last - 3}" in reasons[last - 2]
    assert "not a number" in reasons[8]
    assert (answer.bad, answer.scored) == (8, len(rows) - 8 - (NEEDED - 1))


def test_rows_without_times_or_symbol_count_as_the_newest(client: TestClient) -> None:
    rows = [row.split(",", 2)[2] for row in rows_of(SYMBOLS[0])]
    content = file_of(*rows, header=UNTIMED)
    answer = upload(client, content)
    assert answer.status_code == 422
    assert "?symbol=" in problem(answer).hint
    body = upload(client, content, query=f"?symbol={SYMBOLS[0]}").json()
    assert body["scored"] == 4
    assert "no times" in body["notices"][0]


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


@pytest.mark.parametrize("ts", ["20260831", "1787952600", "1.8e9", "45000", "True"])
def test_a_number_is_refused_as_the_time_of_a_row(client: TestClient, ts: str) -> None:
    row = ",".join(["NVDA", ts, "1,1,1,1,1"])
    (result,) = upload(client, file_of(row)).json()["rows"]
    assert f"ts is {ts!r}, not a time with its zone" in result["reason"]


@pytest.mark.parametrize("price", ["1_0", "true", "nan", "Infinity", "٥", "0x10", "1,5"])
def test_a_price_is_written_in_digits(client: TestClient, price: str) -> None:
    row = f'NVDA,2026-08-31T19:30:00Z,1,1,1,"{price}",1'
    (result,) = upload(client, file_of(row)).json()["rows"]
    assert f"close is {price!r}, not a number" in result["reason"]


def test_csv_headers_have_what_json_says_about_all_rows(client: TestClient) -> None:
    content = file_of(*(row.split(",", 2)[2] for row in rows_of("NVDA")), header=UNTIMED)
    body = upload(client, content, query="?symbol=NVDA").json()
    answer = upload(client, content, "text/csv", "?symbol=NVDA")
    assert json.loads(answer.headers["x-bullion-notices"]) == body["notices"]
    for words in "made-up data", "have no times":
        assert words in answer.headers["x-bullion-notices"]
    assert json.loads(answer.headers["x-bullion-sample"]) is body["sample"] is True
    for row in csv.DictReader(io.StringIO(answer.text)):  # these columns stay in a saved file
        assert (row["trained_on"], row["unproven_reason"]) == (body["trained_on"], "")


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
    answer = upload(client, b"x" * (limit.body_bytes + 1))
    assert answer.status_code == 413
    assert upload(client, file_of(rows), "image/png").status_code == 406


@pytest.mark.parametrize("formula", ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1"])
def test_the_csv_answer_contains_no_formula(client: TestClient, formula: str) -> None:
    content = file_of(
        *rows_of(SYMBOLS[0]), f'"{formula}",x,1,1,1,1,1', f'NVDA,"{formula}",1,1,1,1,1'
    )
    answer = upload(client, content, "text/csv")
    assert answer.status_code == 200
    for row in csv.DictReader(io.StringIO(answer.text)):
        for name in ("symbol", "ts", "action", "reason"):
            assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r")), row
    assert escape_formula(formula) == f"'{formula}"


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
