"""The equity curve draws every way of trading, with its return in the legend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.backtest import picture
from pipelines.backtest.run import Backtest
from tests.backtest.small_backtest import POLICY, small_backtest


def draw(result: Backtest, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Draw, and return the axes of the returns and of the scores."""
    figures: list[Any] = []
    monkeypatch.setattr(picture, "_encode_png", lambda figure: figures.append(figure) or b"")
    picture.draw_equity(result)
    upper, lower = figures[0].axes
    return upper, lower


def test_each_way_of_trading_has_its_curve_and_its_net_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = small_backtest(tune=True, policy=POLICY)
    upper, _ = draw(result, monkeypatch)
    lines = {line.get_label(): line for line in upper.get_lines()}
    assert (
        set(result.bar_returns)
        == {"signal", "tuned", "policy", "always_long"}
        == set(picture.LINES)
    )
    for way, returns in result.bar_returns.items():
        name = picture.LINES[way][0]
        (label,) = (label for label in lines if label.startswith(f"{name}: "))
        net = result.returns[way]["net"]
        assert f"{net['value']:+.1%} ({net['low']:+.1%} to {net['high']:+.1%})" in label
        np.testing.assert_allclose(lines[label].get_ydata(), 100 * np.cumsum(returns.net))
    assert any(label.startswith("signal before costs: ") for label in lines)


def test_without_tuning_and_policy_only_signal_and_always_long_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upper, lower = draw(small_backtest(), monkeypatch)
    names = [text.get_text().partition(":")[0] for text in upper.get_legend().get_texts()]
    assert names == ["always long", "signal, declared thresholds", "signal before costs"]
    signals = [text.get_text().partition(" ")[0] for text in lower.get_legend().get_texts()]
    assert signals == ["HOLD", "BUY", "SELL"]


def test_the_same_backtest_gives_the_same_png() -> None:
    first, second = (picture.draw_equity(small_backtest()) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
