"""A backtest of one symbol with planted prices and predictions, without a lake or a training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from pipelines.backtest.market import BacktestRequest, Market
from pipelines.backtest.path import PRICES
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import Backtest, build_backtest
from pipelines.backtest.traded import find_traded
from pipelines.backtest.walk import ScoredRows, Scorer, Window
from pipelines.core.calendar import UTC_TYPE, calendar, utc
from pipelines.core.universes import universe
from pipelines.forecasts import AAPL_DAILY, NVDA_5M, Forecast
from pipelines.lake.index_weights import weigh_alone
from pipelines.modeling.action_rules import LikeliestIfConfident
from pipelines.modeling.dataset import Rows
from tests.backtest.price_paths import prices

SPANS = {  # four sessions of 5-minute bars, and twelve weeks of sessions
    NVDA_5M.name: (utc("2026-08-03"), utc("2026-08-07")),
    AAPL_DAILY.name: (utc("2026-06-01"), utc("2026-08-22")),
}
SHARES = (0.1, 0.2, 0.4, 0.2, 0.1)
LEAST = 0.6


@dataclass(frozen=True, eq=False)
class AloneMarket:
    """Prices and predictions of one symbol, a row for each bar."""

    forecast: Forecast
    prices: dict[str, np.ndarray]
    outputs: np.ndarray

    def replace_from(self, bar: int, other: AloneMarket) -> AloneMarket:
        """Return the market with another one's prices and predictions from a bar on."""
        later = np.arange(len(self.outputs)) >= bar
        columns = {n: np.where(later, other.prices[n], p) for n, p in self.prices.items()}
        return AloneMarket(
            self.forecast, columns, np.where(later[:, None], other.outputs, self.outputs)
        )


def grid_of(forecast: Forecast):  # type: ignore[no-untyped-def]
    return calendar("XNYS").closed_bars(forecast.bar, *SPANS[forecast.name])


def draw_market(forecast: Forecast, seed: int) -> AloneMarket:
    """Draw prices, and predictions that are now and then confident."""
    random, count = np.random.default_rng(seed), len(grid_of(forecast).ts)
    if forecast.targets[0].label.classes:
        outputs = random.dirichlet((0.4,) * 5, count).astype(np.float32).astype(np.float64)
    else:
        value = 0.001 * random.standard_normal(count)
        outputs = np.stack([value, value - 0.01, value + 0.01], axis=1)
    return AloneMarket(forecast, prices(seed, (count,), 0.002), outputs)


def predict(forecast: Forecast, outputs: np.ndarray) -> np.ndarray:
    """What is published: the likeliest class from a confidence on, or the value."""
    if not forecast.targets[0].label.classes:
        return outputs[:, 0]
    scores = forecast.targets[0].label.scores
    return LikeliestIfConfident(LEAST).choose(outputs, scores, SHARES, (LEAST,))


def backtest_alone(
    market: AloneMarket, policy: Policy | None = None, *, tune: bool = False, cost: float = 0.0002
) -> Backtest:
    """Build the backtest of two windows; the outcome of a bar is its next return in percent."""
    forecast = find_traded(market.forecast)
    bars, (symbol,) = grid_of(market.forecast), market.forecast.symbols
    ts, closes_at = (a.astype("datetime64[us]") for a in (bars.ts, bars.closes_at))
    close, count = market.prices["close"], len(ts)
    outcome = np.full(count, np.nan)
    outcome[:-1] = 100 * np.log(close[1:] / close[:-1])
    known_at = np.append(closes_at[1:], np.datetime64("NaT"))
    rows = Rows(
        features=np.zeros((count, 2), np.float32), outcome=outcome, symbol=np.zeros(count, int),
        closes_at=closes_at, known_at=known_at, session=bars.session, place=np.zeros(count, int),
    )  # fmt: skip
    label = forecast.label
    middle = np.unique(bars.session)[len(np.unique(bars.session)) // 2]
    window = np.where(bars.session < middle, 1, 2)
    scored = ScoredRows(
        rows, ts, window, market.outputs, predict(market.forecast, market.outputs),
        label.truth(outcome, (-0.2, -0.05, 0.05, 0.2)), left_out=0,
    )  # fmt: skip
    table = pa.table(
        {
            "symbol": [symbol] * count,
            "ts": pa.array(ts).cast(UTC_TYPE),
            "closes_at": pa.array(closes_at).cast(UTC_TYPE),
            "session": pa.array(bars.session),
            **{name: market.prices[name] for name in PRICES},
        }
    )
    of_symbol = Market(rows, ts, table, table, weigh_alone(symbol), (), "XNYS", snapshot=3)
    onnx = SimpleNamespace(description=SimpleNamespace(shares=SHARES))
    scorers = []
    for number in (1, 2):
        inside = window == number
        span = Window(
            number, bars.session[inside][0], bars.session[inside][-1], ts[inside][0],
            ts[inside][0], closes_at[inside][-1],
        )  # fmt: skip
        scorers.append(Scorer(span, onnx, "logistic", 900, False, "refused"))  # type: ignore[arg-type]
    request = BacktestRequest(
        universe(market.forecast.universe).name, *SPANS[market.forecast.name], cost=cost, tune=tune
    )
    return build_backtest(forecast, "sample", of_symbol, scorers, scored, request, policy)


def with_prices(market: AloneMarket, **columns: np.ndarray) -> AloneMarket:
    return replace(market, prices=market.prices | columns)
