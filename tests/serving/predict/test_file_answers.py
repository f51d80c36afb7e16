"""Files of bars and of indicators, for a forecast with several targets."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.schemas.scoring import FileAnswer
from tests.serving.daily import DAYS, NEEDED, SYMBOL, build_request
from tests.serving.daily_requests import (
    NAMES,
    PATH,
    RISK,
    VALUE,
    build_csv,
    get_indicators,
    predict,
)
from tests.serving.scored_api import problem


def file_of(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def upload(client: TestClient, content: str, accept: str = "*/*", path: str = PATH) -> Any:
    return client.post(f"{path}/predict_batch", content=content, headers={"accept": accept})


def test_a_file_of_history_is_scored_row_by_row(client: TestClient) -> None:
    answer = FileAnswer.model_validate_json(upload(client, build_csv()).text)
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
    answer = FileAnswer.model_validate_json(upload(client, file_of(rows)).text)
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
        upload(client, file_of([get_indicators(client)] * 3)).text
    )
    assert answer.scored == 3
    assert {(row.ts, row.timestamp_next, row.symbol) for row in answer.rows} == {
        (None, None, SYMBOL)
    }


def test_csv_has_columns_for_each_target(client: TestClient) -> None:
    for content in (build_csv(), file_of([get_indicators(client)])):
        answer = FileAnswer.model_validate_json(upload(client, content).text)
        rows = list(csv.DictReader(io.StringIO(upload(client, content, "text/csv").text)))
        for row, json_row in zip(rows, answer.rows, strict=True):
            assert row["reason"] == (json_row.reason or "")
            assert row[f"{VALUE}.proven"] == "false"
            if json_row.prediction is None:
                assert row[f"{VALUE}.value"] == row[f"{RISK}.action"] == ""
                continue
            value, risk = json_row.prediction.targets[VALUE], json_row.prediction.targets[RISK]
            assert value is not None
            assert value.kind == "value"
            assert risk is not None
            assert risk.kind == "classes"
            for name in ("value", "value_low", "value_high"):
                assert float(row[f"{VALUE}.{name}"]) == getattr(value, name)
            assert row[f"{RISK}.action"] == risk.action
            for name, share in risk.probabilities.items():
                assert float(row[f"{RISK}.p_{name}"]) == share


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
    answer = upload(client, f"{header}\n" + ",".join("1" * len(NAMES)))
    assert answer.status_code == 422
    assert word in problem(answer).message
