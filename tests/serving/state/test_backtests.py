"""Reports of backtests as tables: figures with and without intervals, and no counts of exits."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipelines.backtest.policy import Policy
from pipelines.backtest.report import build_document
from serving.schemas.errors import NotFound
from serving.state import backtests
from tests.backtest.small_backtest import small_backtest
from tests.serving.model_evidence import write_backtest


def test_every_way_of_trading_has_its_figures() -> None:
    result = small_backtest(policy=Policy(stop_loss=0.005))
    report = json.loads(json.dumps(build_document(result)))
    rows = backtests.figure_table(report).to_pylist()
    assert {row["part"] for row in rows} == {"predictions", *result.returns}
    assert "exits" in result.returns["policy"]
    assert not [row for row in rows if row["figure"] == "exits"]
    cost = [row for row in rows if (row["part"], row["figure"]) == ("policy", "cost")]
    assert [(row["value"], row["low"]) for row in cost] == [
        (result.returns["policy"]["cost"], None)
    ]


def test_the_newest_report_is_listed_first(tmp_path: Path) -> None:
    for place, name in enumerate(("second", "first", "third")):
        report = write_backtest(tmp_path, name) / "report.json"
        os.utime(report, (place, place))
    names = backtests.list_reports(tmp_path / "backtests")["name"].to_pylist()
    assert names == ["third", "first", "second"]


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    write_backtest(tmp_path, "hourly")
    with pytest.raises(NotFound) as error:
        backtests.read_report(tmp_path / "backtests", "hourli")
    assert "did you mean hourly" in error.value.hint
