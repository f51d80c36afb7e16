"""The minutes of ES can be predicted as well as the oracle says, and no better."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipelines.core.calendar import interval_of, utc
from pipelines.sources.sample.market import span_of, ticks
from pipelines.sources.sample.minute_oracle import MinuteOracle, oracle_minutes
from pipelines.sources.sample.skeleton import Market

START, END = utc("2021-01-04"), utc("2026-01-05")


def scaled(oracle: MinuteOracle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, news and outcome over the session's volatility."""
    return tuple(v / oracle.volatility for v in (oracle.score, oracle.news, oracle.outcome))  # type: ignore[return-value]


@pytest.mark.parametrize("horizon", [30, 60])
@pytest.mark.parametrize("seed", [7, 2])
def test_what_it_expects_comes_on_average(seed: int, horizon: int) -> None:
    score, news, outcome = scaled(oracle_minutes(Market(seed), horizon, START, END))
    columns = np.stack([score, news, np.ones(len(score))], axis=1)
    slopes = np.linalg.lstsq(columns, outcome, rcond=None)[0]
    assert slopes[0] == pytest.approx(1, abs=0.15)
    assert slopes[1] == pytest.approx(1, abs=0.15)
    is_up = outcome >= 0
    own, both = (roc_auc_score(is_up, s) for s in (score, score + news))
    print(
        f"\nseed {seed}, {horizon} minutes: AUC {own:.3f} from the past, {both:.3f} with the news"
    )
    assert own > 0.6
    assert both > own + 0.015


def test_outcomes_are_the_returns_of_the_minutes_after_within_the_session() -> None:
    start, end = utc("2026-11-24"), utc("2026-11-28")  # the last has half a day
    oracle = oracle_minutes(Market(), 30, start, end)
    span = span_of(interval_of("1m"), start, end, end)
    close = np.log(ticks(Market(), "ES", span).close)
    at = np.searchsorted(span.bars.ts, oracle.ts)
    np.testing.assert_allclose(oracle.outcome, close[at + 30] - close[at], atol=1e-12)
    assert (span.bars.session[at + 30] == span.bars.session[at]).all()
    assert len(oracle.ts) == len(span.bars) - 30 * 3


def test_noise_has_no_oracle_and_nothing_that_the_markets_would_say() -> None:
    noise = oracle_minutes(Market(rank_ic=0.0), 30, START, END)
    assert not noise.score.any()
    assert not noise.news.any()
    score, _, _ = scaled(oracle_minutes(Market(), 30, START, END))
    assert abs(np.corrcoef(score, noise.outcome / noise.volatility)[0, 1]) < 0.04
