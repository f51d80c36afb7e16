"""Scoring of files: every row gets its predictions, or the reason why it has none."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.schemas.scoring import FileAnswer, Prediction
from tests.serving.daily import DAYS, NEEDED, SYMBOL, build_request
from tests.serving.daily_requests import (
    PATH,
    build_csv,
    get_indicators,
    predict,
    upload_daily,
    write_rows,
)
from tests.serving.hourly_files import UNTIMED, file_of, rows_of, upload
from tests.serving.scored_api import problem
from tests.serving.serving_models import NEEDED as HOURS_NEEDED
from tests.serving.serving_models import SYMBOLS, UNTRAINED
from tests.serving.serving_models import build_request as build_hourly_request


def test_each_row_is_answered_in_the_order_of_the_file(client: TestClient) -> None:
    rows = [row for pair in zip(*(rows_of(s) for s in SYMBOLS[:2]), strict=True) for row in pair]
    answer = FileAnswer.model_validate_json(upload(client, file_of(*rows)).text)
    assert [row.line for row in answer.rows] == list(range(2, len(rows) + 2))
    assert [row.symbol for row in answer.rows] == [row.split(",")[0] for row in rows]
    assert (answer.scored, answer.warming_up, answer.bad) == (8, 2 * (HOURS_NEEDED - 1), 0)
    assert answer.rows[0].reason is not None
    assert "warm-up" in answer.rows[0].reason
    for row, symbol in zip(answer.rows[-2:], SYMBOLS[:2], strict=True):
        alone = Prediction.model_validate_json(
            client.post("/predict", json=build_hourly_request(symbol)).text
        )
        assert row.prediction is not None
        assert row.prediction.action == alone.action
        assert row.prediction.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert row.timestamp_next == alone.timestamp_next
        assert row.spans_night is alone.spans_night is True


def test_bad_rows_get_a_reason_with_their_line_and_the_others_are_scored(
    client: TestClient,
) -> None:
    rows = rows_of(SYMBOLS[0], HOURS_NEEDED + 8)
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
    assert (answer.bad, answer.scored) == (8, len(rows) - 8 - (HOURS_NEEDED - 1))


def test_rows_without_times_or_symbol_count_as_the_newest(client: TestClient) -> None:
    rows = [row.split(",", 2)[2] for row in rows_of(SYMBOLS[0])]
    content = file_of(*rows, header=UNTIMED)
    answer = upload(client, content)
    assert answer.status_code == 422
    assert "?symbol=" in problem(answer).hint
    body = upload(client, content, query=f"?symbol={SYMBOLS[0]}").json()
    assert body["scored"] == 4
    assert "no times" in body["notices"][0]


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


def test_a_file_of_history_is_scored_row_by_row(client: TestClient) -> None:
    answer = FileAnswer.model_validate_json(upload_daily(client, build_csv()).text)
    assert (answer.scored, answer.warming_up, answer.bad) == (4, NEEDED - 1, 0)
    alone, last = predict(client, build_request()), answer.rows[-1]
    assert last.prediction is not None
    for name, prediction in last.prediction.targets.items():
        expected = alone.targets[name]
        assert prediction is not None
        assert expected is not None
        assert prediction.expected_score == pytest.approx(expected.expected_score, abs=1e-6)
    assert (last.ts, last.timestamp_next) == (alone.ts, alone.timestamp_next)


def test_daily_bars_may_be_named_by_their_day(client: TestClient) -> None:
    """As exports of daily bars have them: a column Date may stand for ts."""
    whole = build_request()
    by_day = [bar | {"ts": f"{bar['ts'][:10]}T00:00:00Z"} for bar in whole["bars"]]
    assert predict(client, whole | {"bars": by_day}).targets == predict(client, whole).targets
    prices = ("open", "high", "low", "close", "volume")
    rows = ["Date,Open,High,Low,Close,Volume"]
    rows += [",".join([bar["ts"][:10], *(str(bar[p]) for p in prices)]) for bar in whole["bars"]]
    answer = client.post(f"{PATH}/predict_batch", content="\n".join(rows))
    file_answer = FileAnswer.model_validate_json(answer.text)
    assert (file_answer.scored, file_answer.bad) == (1, 0)
    assert file_answer.rows[-1].ts == predict(client, whole).ts
    sunday = [*rows[:-1], "2026-08-30," + rows[-1].split(",", 1)[1]]
    sunday_answer = FileAnswer.model_validate_json(
        client.post(f"{PATH}/predict_batch", content="\n".join(sunday)).text
    )
    assert sunday_answer.bad == 1
    assert "opens at that time" in str(sunday_answer.rows[-1].reason)


def test_a_file_of_indicators_is_scored_row_by_row_and_bad_ones_are_named(
    client: TestClient,
) -> None:
    good = get_indicators(client)
    rows: list[dict[str, Any]] = [
        {"ts": DAYS[-1].isoformat(), **good},
        {"ts": DAYS[-2].isoformat(), **good, "rsi_14": 101},
        {"ts": DAYS[-2].isoformat(), **good, "rsi_14": "nan"},
        {"ts": DAYS[-2].isoformat(), **good, "rsi_14": ""},
        {"ts": "yesterday", **good},
        {"ts": "2026-08-30T13:30:00Z", **good},
        {"ts": DAYS[-1].isoformat(), **good},
    ]
    answer = FileAnswer.model_validate_json(upload_daily(client, write_rows(rows)).text)
    assert (answer.scored, answer.bad, answer.warming_up) == (1, 6, 0)
    words = (
        "at most 100",
        "not a number",
        "missing",
        "yesterday",
        "no 1d bar",
        "same bar as line 2",
    )
    for row, word in zip(answer.rows[1:], words, strict=True):
        assert row.prediction is None
        assert word in (row.reason or "")
        assert (row.reason or "").startswith(f"line {row.line}:")
    first, alone = answer.rows[0], predict(client, build_request())
    assert first.prediction is not None
    assert first.timestamp_next == alone.timestamp_next
    assert first.prediction.targets == alone.targets


def test_indicators_without_times_are_scored_all_the_same(client: TestClient) -> None:
    answer = FileAnswer.model_validate_json(
        upload_daily(client, write_rows([get_indicators(client)] * 3)).text
    )
    assert answer.scored == 3
    assert {(row.ts, row.timestamp_next, row.symbol) for row in answer.rows} == {
        (None, None, SYMBOL)
    }
