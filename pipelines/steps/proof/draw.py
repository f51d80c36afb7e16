"""Draw published rows at random: the same seed draws the same rows of the same lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipelines.core.universes import universe
from pipelines.forecasts import FORECASTS, Forecast
from pipelines.lake import View
from pipelines.steps.proof.published import PublishedBar, Reference, read_bar, read_published

MOST_MEMBERS = 12  # of a universe whose signals are drawn
MOST_SYMBOLS = 5  # drawn of one bar, where no signal is


@dataclass(frozen=True, eq=False)
class DrawnSeries:
    """The rows drawn of one forecast and source, by bar."""

    forecast: Forecast
    source: str
    bars: tuple[PublishedBar, ...]

    @property
    def name(self) -> str:
        return f"{self.forecast.name} on {self.source}"


def draw_rows(view: View, rows: int, seed: int) -> list[DrawnSeries]:
    """Draw about so many published rows: as many of each forecast and source that has any."""
    declared = {forecast.name: forecast for forecast in FORECASTS}
    bars = view.rows(
        """SELECT forecast, source, ts, live FROM gold.predictions
           WHERE role = 'champion' AND forecast IN (SELECT unnest(?)) GROUP BY ALL ORDER BY ALL""",
        [sorted(declared)],
    )
    by_series: dict[tuple[str, str], list[tuple[datetime, bool]]] = {}
    for name, source, ts, live in bars:
        by_series.setdefault((name, source), []).append((ts, live))
    random, selection = np.random.default_rng(seed), []
    for (name, source), its_bars in by_series.items():
        share, taken = max(1, rows // len(by_series)), list[PublishedBar]()
        for bar in _draw(view, declared[name], source, its_bars, random):
            taken.append(bar)
            share -= bar.predictions.num_rows + (bar.kind == "signal")
            if share <= 0:
                break
        selection.append(DrawnSeries(declared[name], source, tuple(taken)))
    return selection


def _draw(
    view: View,
    forecast: Forecast,
    source: str,
    bars: list[tuple[datetime, bool]],
    random: np.random.Generator,
) -> Iterator[PublishedBar]:
    """Yield what was published of bars in a random order; first of the newest one.

    By turns a signal with what it was made of, and the predictions of all targets.
    """
    small = [name for name in forecast.combined_universes if _is_small(name)]
    places = [len(bars) - 1, *random.permutation(len(bars) - 1).tolist()]
    for number, place in enumerate(places):
        ts, live = bars[place]
        if small and number % 2 == 0:
            signal = Reference("signal", (small[0],), ts)
            if view.rows(
                """SELECT true FROM gold.index_signals WHERE forecast = ? AND source = ?
                   AND universe = ? AND ts = ? LIMIT 1""",
                [forecast.name, source, small[0], ts],
            ):
                yield read_published(view, signal, source)
                continue
        symbols = [
            symbol
            for (symbol,) in view.rows(
                """SELECT DISTINCT symbol FROM gold.predictions WHERE forecast = ? AND source = ?
                   AND ts = ? AND live = ? AND role = 'champion' ORDER BY symbol""",
                [forecast.name, source, ts, live],
            )
        ]
        chosen = random.permutation(len(symbols))[:MOST_SYMBOLS].tolist()
        yield read_bar(view, forecast, source, ts, live, [symbols[n] for n in sorted(chosen)])


def _is_small(name: str) -> bool:
    return len(universe(name).symbols) <= MOST_MEMBERS
