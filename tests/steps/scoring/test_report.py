"""A scoring is counted by reason and symbol, and summarized in a few lines."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pipelines.core.calendar import utc
from pipelines.steps.scoring.report import NewestSignal, ScoringReport

END = utc("2026-09-01T15:30+00:00")


def report() -> ScoringReport:
    return ScoringReport("nasdaq100_hourly", "sample", END, END, bars=1, constituents=10)


def test_rows_that_were_not_scored_add_up_by_reason_and_symbol() -> None:
    scoring = report()
    scoring.count_not_scored({"no_bar": Counter({"AAPL": 2})})
    scoring.count_not_scored({"no_bar": Counter({"AAPL": 1, "MSFT": 1}), "untrained": Counter("X")})
    assert scoring.counts["not_scored"] == {"no_bar": {"AAPL": 3, "MSFT": 1}, "untrained": {"X": 1}}
    assert "not scored, no bar: 4 rows of 2 symbols (AAPL, MSFT)" in scoring.summary()


def test_a_summary_names_the_models_and_the_newest_signal() -> None:
    scoring = report()
    scoring.versions = {"action": (1, 2), "risk": ()}
    scoring.newest = (NewestSignal("qqq", END, 0.5, "BUY", "WSS is high", 0.9, True, 61.0),)
    scoring.delay_seconds = 61.25
    summary = scoring.summary()
    assert "the bar that closed at 2026-09-01 15:30 UTC" in summary
    assert "action version 1, 2;" in summary
    assert (
        "qqq 2026-09-01 15:30 UTC: WSS +0.5000, BUY (WSS is high); 90.0% scored, live, 61.0 s"
        in summary
    )
    assert "had been published before; the newest live bar 61.2 s after its close" in summary
    assert (scoring.status, scoring.message) == ("ok", None)


def test_a_summary_says_how_often_each_target_acts() -> None:
    scoring = report()
    scoring.count_acting("action", np.array([0.0, 1.0, -2.0]))
    scoring.count_acting("action", np.zeros(2))
    assert "action: acts at 2 of 5, else holds" in scoring.summary()
    assert scoring.counts["acting"] == {"action": 2}
    assert "acts" not in report().summary()


def test_a_scoring_that_was_skipped_is_a_warning_with_its_reason() -> None:
    scoring = report()
    scoring.skipped = "the calendar has no bar"
    scoring.warnings = ["no weight is known"]
    assert scoring.status == "warned"
    assert scoring.message == "the calendar has no bar; no weight is known"
    assert "skipped: the calendar has no bar" in scoring.summary()
