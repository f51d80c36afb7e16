"""Reports of backtests, as `bullion backtest --out` wrote them, and none from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.schemas.backtests import BacktestCurve, BacktestFigures, Backtests
from tests.backtest.small_backtest import small_backtest
from tests.serving.model_evidence import write_backtest
from tests.serving.scored_api import api_at, problem

REPORT = small_backtest()


@pytest.fixture
def reports(tmp_path: Path, scored_folder: Path) -> Iterator[tuple[Path, TestClient]]:
    """A folder for reports of this test's own, and the API that reads it."""
    with api_at(scored_folder, backtests=str(tmp_path / "backtests")) as client:
        yield tmp_path, client


def test_a_report_is_listed_with_what_it_earned(api: TestClient) -> None:
    (row,) = Backtests.model_validate_json(api.get("/backtests").text).rows
    assert (row.name, row.forecast, row.universe) == ("hourly", "nasdaq100_hourly", "qqq")
    net = REPORT.returns["signal"]["net"]
    assert (row.net, row.net_low, row.net_high) == (net["value"], net["low"], net["high"])
    assert row.sessions == REPORT.about["sessions"]


def test_the_figures_are_those_of_the_report(api: TestClient) -> None:
    answer = BacktestFigures.model_validate_json(api.get("/backtests/hourly").text)
    rows = {(row.part, row.figure): row for row in answer.rows}
    for name, figure in REPORT.figures.items():
        assert rows["predictions", name].value == figure.as_dict()["value"]
        assert rows["predictions", name].low == figure.as_dict()["low"]
    for way, figures in REPORT.returns.items():
        assert rows[way, "net"].value == figures["net"]["value"]
        assert rows[way, "worst_fall"].value == figures["worst_fall"]
    assert answer.notes == REPORT.notes
    assert (answer.backtest, answer.data_source, answer.sample) == ("hourly", "sample", True)


def test_the_curve_ends_where_the_report_does(api: TestClient) -> None:
    answer = BacktestCurve.model_validate_json(api.get("/backtests/hourly/curve").text)
    assert len(answer.rows) == REPORT.about["bars"]
    assert answer.rows[0].cumulative == pytest.approx(REPORT.returns["signal"]["net"]["value"])
    long = REPORT.returns["always_long"]["net"]["value"]
    assert answer.rows[0].cumulative_long == pytest.approx(long)
    fall = REPORT.returns["signal"]["worst_fall"]
    assert max(row.drawdown for row in answer.rows) == pytest.approx(fall)
    first = api.get("/backtests/hourly/curve?limit=30").json()
    rest = api.get(f"/backtests/hourly/curve?cursor={first['next']}").json()
    whole = api.get("/backtests/hourly/curve").json()["rows"]
    assert first["rows"] + rest["rows"] == whole


def test_without_a_folder_the_list_is_empty_and_says_why(
    reports: tuple[Path, TestClient],
) -> None:
    _, client = reports
    answer = client.get("/backtests").json()
    assert answer["rows"] == []
    assert any("BULLION_API_BACKTESTS" in notice for notice in answer["notices"])
    assert client.get("/backtests/hourly").status_code == 404


def test_a_damaged_report_is_left_out_and_the_others_are_listed(
    reports: tuple[Path, TestClient],
) -> None:
    folder, client = reports
    write_backtest(folder, "sound")
    for name, text in (("torn", '{"about": {'), ("other", "[]"), ("empty", "{}")):
        write_backtest(folder, name)
        (folder / "backtests" / name / "report.json").write_text(text)
    write_backtest(folder, "half")
    (folder / "backtests" / "half" / "signals.parquet").write_bytes(b"PAR1")
    names = {row["name"] for row in client.get("/backtests").json()["rows"]}
    assert names == {"sound", "half"}
    for path in ("torn", "other", "empty", "half/curve"):
        answer = client.get(f"/backtests/{path}")
        assert answer.status_code == 404, path
        assert "write it again" in problem(answer).hint


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%2e%2e%2fsecret", "..%2Fsecret", "hourly%00", ".hidden"]
)
def test_no_name_leads_out_of_the_folder(reports: tuple[Path, TestClient], name: str) -> None:
    folder, client = reports
    place = write_backtest(folder)
    shutil.copytree(place, folder / "secret")
    shutil.copytree(place, folder / "backtests" / ".hidden")
    for path in (f"/backtests/{name}", f"/backtests/{name}/curve"):
        assert client.get(path).status_code in (404, 422)
