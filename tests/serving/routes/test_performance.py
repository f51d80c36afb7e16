"""Performance as the API answers it: what SQL over the tables gives, in every form and by page."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from pipelines.gates.intervals import number
from pipelines.modeling.metrics import rank_ic
from serving.http.formats import CSV
from serving.schemas.performance import HitRates, LiveCalibration, Performance, PerformanceCurve
from tests.serving.daily import DAILY
from tests.serving.scored_api import lake_of, problem
from tests.steps.scored_market import HOURLY

PATH = f"/forecasts/{HOURLY.name}/performance"
FOLLOWED = """SELECT s.ts, s.signal, s.wss, o.next_return,
                     CASE s.signal WHEN 'BUY' THEN 1 WHEN 'SELL' THEN -1 ELSE 0 END AS direction
              FROM gold.index_signals s
              LEFT JOIN gold.index_outcomes o USING (forecast, source, universe, "interval", ts)
              WHERE s.forecast = ? AND s.universe = 'qqq' AND s.live = ? ORDER BY s.ts"""


def followed(api: TestClient, live: bool = False) -> list[dict[str, Any]]:
    with lake_of(api).view() as view:
        rows: list[dict[str, Any]] = view.sql(FOLLOWED, [HOURLY.name, live]).to_pylist()
    return rows


def test_the_figures_are_those_of_the_tables(api: TestClient) -> None:
    answer = Performance.model_validate_json(api.get(f"{PATH}?live=false").text)
    values = {row.figure: row.value for row in answer.rows}
    rows = followed(api)
    outcome_rows = [row for row in rows if row["next_return"] is not None]
    earned = [row["direction"] * row["next_return"] for row in outcome_rows]
    assert len(outcome_rows) > 10
    assert values["signals"] == len(rows)
    assert values["with_outcome"] == len(outcome_rows)
    assert values["earned"] == pytest.approx(sum(earned))
    assert values["always_long"] == pytest.approx(sum(row["next_return"] for row in outcome_rows))
    judged = [value for value in earned if value != 0]
    assert values["hit_rate"] == pytest.approx(np.mean(np.array(judged) > 0))
    wss, returns = (
        np.array([row[name] for row in outcome_rows]) for name in ("wss", "next_return")
    )
    assert values["wss_rank_ic"] == pytest.approx(rank_ic(wss, returns))
    assert (answer.universe, answer.live, answer.sample) == ("qqq", False, True)
    assert "some signals are of unproven models" in answer.notices


def test_only_live_signals_count_unless_asked_otherwise(api: TestClient) -> None:
    live = Performance.model_validate_json(api.get(PATH).text)
    assert {row.figure: row.value for row in live.rows}["signals"] == len(followed(api, live=True))
    assert live.live
    (earned,) = [row for row in live.rows if row.figure == "earned"]
    assert earned.value is None, "its next bar has not closed"


def test_the_curve_adds_up_and_its_pages_are_the_whole(api: TestClient) -> None:
    whole = PerformanceCurve.model_validate_json(api.get(f"{PATH}/curve?live=false").text)
    assert whole.next is None
    times = [row.ts for row in whole.rows]
    assert times == sorted(times, reverse=True)
    total, peak = 0.0, 0.0
    for row in reversed(whole.rows):
        total += row.earned or 0
        peak = max(peak, total)
        assert row.cumulative == pytest.approx(total)
        assert row.drawdown == pytest.approx(peak - total)
    rows, cursor = [], ""
    while True:
        text = api.get(f"{PATH}/curve?live=false&limit=7{cursor}").text
        page = PerformanceCurve.model_validate_json(text)
        rows += page.rows
        if page.next is None:
            break
        cursor = f"&cursor={page.next}"
    assert rows == whole.rows


def test_the_sums_begin_at_the_start_of_the_range(api: TestClient) -> None:
    whole = PerformanceCurve.model_validate_json(api.get(f"{PATH}/curve?live=false").text).rows
    middle = whole[len(whole) // 2].ts
    query = {"live": "false", "start": middle.isoformat()}
    part = PerformanceCurve.model_validate_json(api.get(f"{PATH}/curve", params=query).text).rows
    assert part[-1].ts == middle
    assert part[-1].cumulative == pytest.approx(part[-1].earned or 0)


def test_hits_of_all_groups_are_the_hits_of_all_signals(api: TestClient) -> None:
    judged = [
        row["direction"] * row["next_return"]
        for row in followed(api)
        if row["next_return"] and row["direction"]
    ]
    for by in ("strength", "hour"):
        text = api.get(f"{PATH}/hits?live=false&by={by}").text
        answer = HitRates.model_validate_json(text)
        assert (answer.by, answer.timezone) == (by, "America/New_York")
        assert sum(row.signals for row in answer.rows) == len(judged)
        assert sum(row.hits for row in answer.rows) == sum(value > 0 for value in judged)
    assert all(10 <= int(row.group[:2]) <= 16 for row in answer.rows), "hours of New York"


def test_hits_by_symbol_are_of_the_predictions_that_the_signal_combines(api: TestClient) -> None:
    answer = HitRates.model_validate_json(api.get(f"{PATH}/hits?live=false&by=symbol").text)
    expected = lake_of(api).rows(
        """SELECT symbol, count(*), count(*) FILTER (WHERE p.score * o.outcome > 0)
           FROM gold.predictions p
           JOIN gold.outcomes o
             USING (forecast, target, source, symbol, "interval", ts, model_version)
           WHERE forecast = ? AND role = 'champion' AND NOT live AND score * outcome <> 0
           GROUP BY symbol ORDER BY symbol""",
        [HOURLY.name],
    )
    assert [(row.group, row.signals, row.hits) for row in answer.rows] == expected
    assert len(expected) > 1


def test_calibration_has_the_classes_or_the_interval_of_a_value(api: TestClient) -> None:
    text = api.get(f"{PATH}/calibration?live=false").text
    answer = LiveCalibration.model_validate_json(text)
    names = list(dict.fromkeys(row.name for row in answer.rows))
    assert names == list(HOURLY.targets[0].label.classes)
    count = lake_of(api).rows(
        """SELECT count(*) FROM gold.predictions JOIN gold.outcomes
             USING (forecast, target, source, symbol, "interval", ts, model_version)
           WHERE forecast = ? AND role = 'champion' AND NOT live""",
        [HOURLY.name],
    )[0][0]
    assert sum(row.row_count for row in answer.rows) == count * len(names)
    value = DAILY.target_names[0]
    path = f"/forecasts/{DAILY.name}/performance/calibration?live=false&target={value}"
    (row,) = LiveCalibration.model_validate_json(api.get(path).text).rows
    inside = lake_of(api).rows(
        """SELECT avg(CAST(outcome BETWEEN value_low AND value_high AS DOUBLE))
           FROM gold.predictions JOIN gold.outcomes
             USING (forecast, target, source, symbol, "interval", ts, model_version)
           WHERE forecast = ? AND target = ? AND role = 'champion' AND NOT live""",
        [DAILY.name, value],
    )[0][0]
    assert (row.name, row.promised, row.came) == ("interval", 0.8, number(inside))


def test_without_signals_there_are_no_rows_and_a_notice(api: TestClient) -> None:
    later = "start=2030-01-01T00:00:00Z"
    for rest in ("", "/curve", "/hits"):
        answer = api.get(f"{PATH}{rest}?{later}").json()
        assert "no signal of qqq was published live in this range" in answer["notices"]
    assert api.get(f"{PATH}/curve?{later}").json()["rows"] == []
    answer = api.get(f"{PATH}/calibration?{later}").json()
    assert (answer["rows"], len(answer["notices"])) == ([], 2)


def test_an_unchanged_answer_is_a_304_and_csv_has_the_same_rows(api: TestClient) -> None:
    for rest in ("", "/curve", "/hits", "/calibration"):
        first = api.get(f"{PATH}{rest}?live=false")
        again = api.get(
            f"{PATH}{rest}?live=false", headers={"If-None-Match": first.headers["etag"]}
        )
        assert (first.status_code, again.status_code) == (200, 304)
        text = api.get(f"{PATH}{rest}?live=false", headers={"Accept": CSV}).text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == len(first.json()["rows"])
        assert list(rows[0]) == list(first.json()["rows"][0])


def test_the_main_forecast_is_answered_without_its_name(api: TestClient) -> None:
    for rest in ("", "/curve", "/hits", "/calibration"):
        assert (
            api.get(f"/performance{rest}?live=false").json()
            == api.get(f"{PATH}{rest}?live=false").json()
        )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("universe=qqqq", 422),
        ("universe=aapl", 404),
        ("live=perhaps", 422),
        ("start=2026-08-28T00:00:00", 422),
        ("end=2026-08-27T00:00:00Z&start=2026-08-28T00:00:00Z", 422),
        ("start=1900-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", 413),
        ("by=day", 422),
        ("symbols=NVDA", 422),
    ],
)
def test_a_wrong_query_is_refused_with_a_hint(api: TestClient, query: str, status: int) -> None:
    answer = api.get(f"{PATH}/hits?{query}")
    assert answer.status_code == status
    assert problem(answer).message


def test_a_cursor_of_other_rows_is_refused(api: TestClient) -> None:
    cursor = api.get("/predictions/history?live=false&limit=2").json()["next"]
    assert api.get(f"{PATH}/curve?cursor={cursor}").status_code == 422
