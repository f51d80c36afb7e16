"""What news are worth to a forecast of the next hour, beside what the sample's oracle says.

A year and more of stories is scored by the model that ships, and summed up in windows, as the steps
do it, but without a lake: test_news_value.py shows on a few days that a lake gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.calendar import calendar, interval_of
from pipelines.core.instants import from_numpy
from pipelines.features import Feature, feature_matrix
from pipelines.features.base import collect_references
from pipelines.features.news import news_signals
from pipelines.features.panel import build_panel
from pipelines.features.returns import log_return, scaled_return
from pipelines.sentiment.headlines import headline_model
from pipelines.sentiment.windows import Stories, summarize_windows
from pipelines.sources.news import NewsRequest
from pipelines.sources.sample import Sample
from pipelines.sources.sample.oracle import Oracle, oracle_news, oracle_score
from tests.sources.sample.requests import read_bars, request

TOPIC, HOUR = "sp500", timedelta(hours=1)
OWN: tuple[Feature, ...] = (log_return(1), scaled_return(20))
FEATURES = (*OWN, *news_signals(TOPIC))
FOLDS = 5
PENALTY = 10.0  # of squared weights


@dataclass(frozen=True)
class Gain:
    """Correlation with the next hour's return, of a forecast and of the oracle."""

    without: float
    with_news: float
    oracle_without: float
    oracle_with: float

    @property
    def gained(self) -> float:
        return self.with_news - self.without

    @property
    def possible(self) -> float:
        return self.oracle_with - self.oracle_without


def read_stories(source: Sample, start: datetime, end: datetime) -> Stories:
    """Read and score the stories of New York's day: no other hour is read by a bar."""
    parts = []
    for piece in source.news_pieces(NewsRequest(TOPIC, start, end, end)):
        parts += [source.parse_news(answer).stories for answer in source.fetch_news(piece)]
    rows = pa.concat_tables(parts)
    seen_at = np.asarray(rows["seen_at"].cast(pa.int64())).astype("datetime64[us]")
    hour = (seen_at - seen_at.astype("datetime64[D]")) / np.timedelta64(1, "h")
    rows, seen_at = rows.filter(is_in_day := (hour > 13) & (hour < 22)), seen_at[is_in_day]
    return Stories(
        seen_at,
        headline_model().score(rows["title"].to_pylist()),
        np.asarray(rows["outlet"].to_pylist()),
        np.ones(len(seen_at), bool),
    )


def feature_rows(
    source: Sample, symbol: str, stories: Stories, start: datetime, end: datetime,
    shift: timedelta = timedelta(0),
) -> np.ndarray:  # fmt: skip
    """Compute FEATURES of the hourly bars; `shift` is by how much news are read too early."""
    bars = read_bars(source, request((symbol,), "1h", start, end))
    closes = calendar().bars(interval_of("1h"), start, end).closes_at
    windows = summarize_windows(stories, [from_numpy(close) + shift for close in closes])
    aligned = {
        reference.name: windows[reference.stored_column].to_numpy().astype(float)
        if reference.stored_column
        else np.zeros(len(closes))
        for reference in collect_references(FEATURES)
    }
    panel = build_panel(bars, calendar(), interval_of("1h"), aligned=aligned)
    return feature_matrix(FEATURES, panel).astype(float)


def measure_gain(
    source: Sample, symbol: str, stories: Stories, start: datetime, end: datetime,
    shift: timedelta = timedelta(0),
) -> Gain:  # fmt: skip
    """Measure what a linear model gains by news; each fifth is forecast from the other four."""
    rows = feature_rows(source, symbol, stories, start, end, shift)
    bars, news = (
        oracle(source.market, symbol, start, end) for oracle in (oracle_score, oracle_news)
    )
    usable = np.isfinite(rows).all(axis=1)
    usable[-1] = False  # its next bar opens after the end
    outcome = bars.outcome[usable]

    def skill(columns: slice) -> float:
        return _correlation(_forecast(rows[usable, columns], outcome), outcome)

    return Gain(skill(slice(len(OWN))), skill(slice(None)), *_oracle_skill(bars, news, usable))


def _oracle_skill(bars: Oracle, news: Oracle, usable: np.ndarray) -> Sequence[float]:
    scores = (bars.score[usable], (bars.score + news.score)[usable])
    # On pure noise an oracle has nothing to say.
    return [_correlation(s, bars.outcome[usable]) if s.any() else 0.0 for s in scores]


def _forecast(rows: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    forecast = np.empty(len(outcome))
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-12)
    for test in np.array_split(np.arange(len(outcome)), FOLDS):
        x, y = np.delete(rows, test, axis=0), np.delete(outcome, test)
        weights = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ (y - y.mean()))
        forecast[test] = rows[test] @ weights + y.mean()
    return forecast


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])
