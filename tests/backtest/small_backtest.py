"""A backtest of two windows with random models, built without a lake or a training."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.backtest.market import BacktestRequest, Market
from pipelines.backtest.path import PRICES
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import Backtest, build_backtest
from pipelines.backtest.walk import ScoredRows, Scorer, Window
from pipelines.core.calendar import UTC_TYPE, calendar, utc
from pipelines.core.universes import universe
from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.modeling.dataset import Rows
from tests.backtest.price_paths import prices
from tests.scoring.index_weights import weight_rows

FORECAST = NASDAQ100_HOURLY.target_forecast()
MEMBERS = universe("qqq")
START, END = utc("2026-08-03"), utc("2026-08-19")
REQUEST = BacktestRequest("qqq", START, END, retrain=6)
POLICY = Policy(stop_loss=0.005)
BARS = calendar("XNYS").closed_bars(FORECAST.bar, START, END)
WEIGHTS = weight_rows(*((name, 0.05, "2026-07-01", "2026-07-01") for name in MEMBERS.symbols))


def _scored_rows() -> ScoredRows:
    """Random predictions of every member at every bar; the last bar's outcome is not known."""
    count, members = len(BARS.ts), len(MEMBERS.symbols)
    random = np.random.default_rng(3)
    outcome = random.normal(size=count * members)
    outcome[-members:] = np.nan
    codes = [FORECAST.symbols.index(name) for name in MEMBERS.symbols]
    closes_at = BARS.closes_at.astype("datetime64[us]").repeat(members)
    session = BARS.session.repeat(members)
    rows = Rows(
        features=np.zeros((count * members, 2), np.float32),
        outcome=outcome,
        symbol=np.tile(codes, count),
        closes_at=closes_at,
        known_at=closes_at + np.timedelta64(1, "h"),
        session=session,
        place=np.zeros(count * members, np.int64),
    )
    probabilities = random.dirichlet((1,) * 5, count * members)
    thresholds = [-1.2, -0.4, 0.4, 1.2]
    actual = np.where(np.isnan(outcome), -1, np.searchsorted(thresholds, outcome))
    window = np.where(session < np.unique(session)[6], 1, 2)
    ts = BARS.ts.astype("datetime64[us]").repeat(members)
    predicted = probabilities.argmax(axis=1)
    return ScoredRows(rows, ts, window, probabilities, predicted, actual, left_out=3)


def _market(scored: ScoredRows, weights: pa.Table) -> Market:
    columns = prices(1, (len(BARS.ts), len(MEMBERS.symbols)))
    bars = pa.table(
        {
            "symbol": list(MEMBERS.symbols) * len(BARS.ts),
            "ts": pa.array(scored.ts).cast(UTC_TYPE),
            "closes_at": pa.array(scored.rows.closes_at).cast(UTC_TYPE),
            "session": pa.array(scored.rows.session),
            **{name: columns[name].ravel() for name in PRICES},
        }
    )
    return Market(scored.rows, scored.ts, bars, bars.slice(0, 0), weights, (), "XNYS", snapshot=17)


def _scorers(scored: ScoredRows) -> list[Scorer]:
    scorers = []
    for number, proven in ((1, False), (2, True)):
        is_window = scored.window == number
        sessions, opens = scored.rows.session[is_window], scored.ts[is_window]
        window = Window(
            number, sessions[0], sessions[-1], opens[0], opens[0],
            scored.rows.closes_at[is_window][-1],
        )  # fmt: skip
        reason = "passed 9 of 9 gates" if proven else "refused; skill_direction: no skill"
        scorers.append(Scorer(window, None, "mlp", 500 * number, proven, reason))  # type: ignore[arg-type]
    return scorers


@cache
def small_backtest(
    tune: bool = False, policy: Policy | None = None, weights: bool = True, **changes: Any
) -> Backtest:
    """Build the backtest; `changes` are fields of the scored rows."""
    scored = replace(_scored_rows(), **changes)
    market = _market(scored, WEIGHTS if weights else WEIGHTS.slice(0, 0))
    request = replace(REQUEST, tune=tune)
    return build_backtest(FORECAST, "sample", market, _scorers(scored), scored, request, policy)
