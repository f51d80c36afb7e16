"""The five-minute forecast of NVIDIA: one symbol, five actions, published from a confidence on."""

from __future__ import annotations

from datetime import timedelta

from pipelines.core.calendar import calendar, utc
from pipelines.forecasts import NVDA_5M
from pipelines.gates import STANDARD
from pipelines.labels.action import ACTIONS
from pipelines.modeling.action_rules import LikeliestIfConfident
from pipelines.sources.yahoo import INTERVAL_LIMITS

TARGET = NVDA_5M.target_forecast().target


def test_it_forecasts_the_next_five_minutes_of_nvidia_alone() -> None:
    assert (NVDA_5M.symbols, NVDA_5M.interval, NVDA_5M.horizon) == (("NVDA",), "5m", 1)
    assert (TARGET.label.classes, TARGET.gates) == (ACTIONS, STANDARD)


def test_it_acts_from_a_confidence_of_sixty_percent_on() -> None:
    assert TARGET.rule == LikeliestIfConfident(least=0.6)


def test_a_whole_session_has_78_bars_to_predict() -> None:
    bars = calendar(NVDA_5M.schedule.calendar).bars(
        NVDA_5M.bar, utc("2026-09-01"), utc("2026-09-02")
    )
    assert len(bars) == 78


def test_a_row_can_be_live_and_yahoo_has_all_of_the_history() -> None:
    schedule = NVDA_5M.schedule
    assert schedule.grace < timedelta(minutes=NVDA_5M.bar.minutes or 0) / 2
    assert schedule.history.days < (INTERVAL_LIMITS["5m"].back or 0)
