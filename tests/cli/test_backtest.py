"""The backtest command as its user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.cli.backtest import _prepare_folder
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import CannotWrite, InvalidRequest
from pipelines.core.universes import universe
from pipelines.lake import Lake
from pipelines.sources.sample import Sample
from pipelines.steps import ingest, ingest_weights
from tests.commands import Bullion

QUICK = ("--candidates", "logistic_regression")


def test_it_prints_tables_and_leaves_a_report(bullion: Bullion, lake: Lake, tmp_path: Path) -> None:
    symbols = universe("qqq").symbols
    ingest(lake, Sample(), symbols, interval_of("1h"), utc("2026-01-05"), utc("2026-04-01"))
    ingest_weights(lake, Sample(), "qqq", as_of=utc("2026-04-01"))
    span = ("--from", "2026-03-01", "--to", "2026-04-01", "--retrain", "15")
    policy = ("--stop", "0.01", "--flat", "--tune")
    code, out, err = bullion(
        "backtest", "nasdaq100_hourly", *span, *QUICK, *policy, "--out", str(tmp_path / "report")
    )
    assert code == 0, err
    for word in ("rank IC", "always long", "tuned", "policy", "NVDA", "2026-03-02", "survivorship"):
        assert word in out
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {
        "report.json", "report.md", "predictions.parquet", "signals.parquet", "symbols.csv",
        "equity.png",
    }  # fmt: skip
    assert "window 1" in err, "in a pipe progress is told in lines"
    again = ("backtest", "nasdaq100_hourly", *span, *QUICK, "--out", str(tmp_path / "report"))
    code, _, err = bullion(*again)
    assert code == 2
    assert "report is not empty, and a report in it would be overwritten" in err
    assert "--force" in err
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["about"]["cost"] == 0.0001
    assert [w["window"] for w in report["windows"]] == [1, 2]
    assert (tmp_path / "report" / "report.md").read_text().count("\n## ") == 7


def test_a_folder_in_use_is_overwritten_when_asked_to(tmp_path: Path) -> None:
    _prepare_folder(tmp_path / "new", force=False)
    _prepare_folder(tmp_path / "new", force=False)
    (tmp_path / "new" / "report.md").touch()
    with pytest.raises(InvalidRequest, match="new is not empty"):
        _prepare_folder(tmp_path / "new", force=False)
    _prepare_folder(tmp_path / "new", force=True)
    with pytest.raises(CannotWrite):
        _prepare_folder(tmp_path / "new" / "report.md", force=True)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["nasdaq100_hourli"], "unknown forecast 'nasdaq100_hourli'", "nasdaq100_hourly"),
        (["nasdaq100_hourly"], "no first day was named", "--from"),
        (["nasdaq100_hourly", "--from", "2026-03-01", "--cost", "2"], "a cost of 2", "0.0001"),
        (["nasdaq100_hourly", "--from", "2026-03-01", "--stop", "5"], "a stop_loss of 5", "0.01"),
        (["nasdaq100_hourly", "--from", "2026-03-01", "--history", "0"], "0 days", "name 1 to"),
        (["aapl_daily", "--from", "2026-03-01", "--flat"], "with its session", "leave --flat"),
        (["nvda_5m", "--from", "2026-03-01", "--universe", "qqq"], "unknown combination", "nvda"),
        (["nasdaq100_hourly", "--folder", "x", "--grid", "hours"], "unknown grid", "session"),
        (["nasdaq100_hourly", "--folder", "x"], "there is no folder x", "constituent"),
        (
            ["nasdaq100_hourly", "--from", "2026-03-01", "--to", "2026-02-01"],
            "before it starts",
            "",
        ),
    ],
)
def test_a_wrong_request_is_named_with_what_to_do(
    bullion, lake: Lake, words: list[str], message: str, hint: str
) -> None:
    code, _, err = bullion("backtest", *words)
    assert code == 2
    assert message in err
    assert hint in err
