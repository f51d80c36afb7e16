"""Apple's daily forecast: a return with an interval, and a risk in classes."""

from __future__ import annotations

from pipelines.forecasts import AAPL_DAILY
from pipelines.gates import RISK_GATES, VALUE_GATES


def test_it_forecasts_the_next_session_of_apple_alone() -> None:
    assert (AAPL_DAILY.symbols, AAPL_DAILY.interval) == (("AAPL",), "1d")
    assert AAPL_DAILY.horizon == 1
    assert AAPL_DAILY.combined_universes == ("aapl",), "its own signal, by the return's sign"
    assert AAPL_DAILY.schedule.history.days >= 3650, "ten years of one bar a session"


def test_the_return_has_an_interval_and_a_baseline_that_always_serves() -> None:
    target = AAPL_DAILY.target_forecast("return").target
    assert target.label.kind == "value"
    assert target.baseline in {candidate.name for candidate in target.candidates}
    assert target.gates == VALUE_GATES


def test_the_risk_has_three_classes_and_gates_against_what_lasts() -> None:
    target = AAPL_DAILY.target_forecast("risk").target
    assert target.label.classes == ("low", "medium", "high")
    assert target.gates == RISK_GATES
    assert {gate.name for gate in target.gates} >= {"skill_beyond_persistence"}
