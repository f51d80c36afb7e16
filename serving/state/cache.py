"""The newest rows of every forecast, of one snapshot, and the answers encoded from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.calendar import calendar, spans_night
from pipelines.core.maps import read_rows
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.registry.decisions import (
    ServingModel,
    read_decisions,
    serving_model_at,
)
from pipelines.sources import is_sample, news_source
from serving.state.answers import (
    CachedAnswer,
    EncodedAnswer,
    EncodedAnswers,
    Row,
    build_component,
    build_signal,
    combination_of,
    encode_all,
    encode_answer,
    mark_made_up_news,
)
from serving.state.news import NewestNews, load_news
from serving.state.times import find_stale_at, instants
from serving.state.vectors import load_vectors

WINDOW = timedelta(days=10)  # a symbol whose newest prediction is older has none


@dataclass(frozen=True)
class ForecastCache:
    """A forecast's newest rows, and the answers encoded from them."""

    forecast: Forecast
    signals: Mapping[str, Row]  # by universe
    predictions: Mapping[str, Mapping[str, Row]]  # by symbol and target
    bars: Mapping[str, datetime]  # close of the newest bar, by symbol
    models: Mapping[str, ServingModel]  # by target
    ready: Mapping[str, EncodedAnswer]  # by universe
    symbols: Mapping[str, EncodedAnswer]
    latest: EncodedAnswers | None  # of all symbols
    vectors: Mapping[str, EncodedAnswer]  # the newest features, by symbol

    @property
    def newest_bar(self) -> datetime | None:
        return max(self.bars.values(), default=None)

    def rows(self, target: str) -> list[Row]:
        """Return each symbol's newest prediction of one target."""
        return [rows[target] for rows in self.predictions.values() if target in rows]

    @property
    def newest_rows(self) -> Mapping[str, Row]:
        """The newest prediction of each target that is predicted."""
        by_target = {name: self.rows(name) for name in self.forecast.target_names}
        return {name: max(rows, key=lambda r: r["ts"]) for name, rows in by_target.items() if rows}

    def stale(self, now: float) -> bool | None:
        """Whether any target's newest prediction is stale; None where there is none."""
        rows = self.newest_rows.values()
        return any(now >= row["stale_at"].timestamp() for row in rows) if rows else None


def source_marks(source: str, snapshot: int) -> Row:
    """Return what an answer says about data of a source that were read from a snapshot."""
    sample = is_sample(source)
    return {
        "data_source": source,
        "sample": sample,
        "notices": ["sample data: made up, and no market"] if sample else [],
        "snapshot": snapshot,
    }


@dataclass(frozen=True)
class SignalCache:
    """Everything that is answered from memory, of one snapshot."""

    snapshot: int
    source: str
    sample: bool
    forecasts: Mapping[str, ForecastCache] = field(default_factory=dict)
    news: Mapping[str, NewestNews] = field(default_factory=dict)  # by topic
    # By path and query.
    hot: Mapping[tuple[str, bytes], CachedAnswer] = field(default_factory=dict)

    @property
    def marks(self) -> Row:
        """What every answer says about the data."""
        return source_marks(self.source, self.snapshot)


def load(
    view: View, forecasts: Sequence[Forecast], source: str, grace: timedelta, now: datetime
) -> SignalCache:
    """Read the newest rows of every forecast at one snapshot, and encode their answers."""
    empty = SignalCache(view.snapshot, source, is_sample(source))
    caches = {f.name: _load_forecast(view, f, empty, grace, now) for f in forecasts}
    news = load_news(view, news_source(source), empty.marks, grace)
    hot = _polled_answers(caches, forecasts[0].name)
    for topic, newest in news.items():
        hot["/news/signals/newest", f"topic={topic}".encode()] = newest.answer
    return replace(empty, forecasts=caches, news=news, hot=hot)


def _polled_answers(
    caches: Mapping[str, ForecastCache], main: str
) -> dict[tuple[str, bytes], CachedAnswer]:
    """Return what is polled, by path and query as clients write them; others go by the router."""
    answers: dict[tuple[str, bytes], CachedAnswer] = {}
    for name, cache in caches.items():
        for symbol, answer in cache.vectors.items():
            answers[f"/forecasts/{name}/features", f"symbol={symbol}".encode()] = answer
        if cache.latest is not None:
            answers[f"/forecasts/{name}/latest", b""] = cache.latest
        paths = [(f"/forecasts/{name}/signal", f"/forecasts/{name}/component")]
        if name == main:
            paths.append(("/signal/index", "/predict/component"))
        for signal, component in paths:
            for universe, answer in cache.ready.items():
                answers[signal, f"universe={universe}".encode()] = answer
            for symbol, answer in cache.symbols.items():
                answers[component, f"symbol={symbol}".encode()] = answer
            for universe in cache.forecast.combined_universes[:1]:
                if universe in cache.ready:
                    answers[signal, b""] = cache.ready[universe]
    return answers


def _load_forecast(
    view: View, forecast: Forecast, state: SignalCache, grace: timedelta, now: datetime
) -> ForecastCache:
    values, where = [forecast.name, state.source], "forecast = ? AND source = ?"
    predictions = _rows(
        view, "predictions", "symbol, target", f"{where} AND role = 'champion'", values
    )
    signals = _rows(view, "index_signals", "universe", where, values)
    universes = {combination.universe for combination in forecast.combinations}
    signals = [row for row in signals if row["universe"] in universes]
    for row in signals:
        _add_members(view, forecast, row)
    by_symbol: dict[str, dict[str, Row]] = {}
    for row in predictions:
        if row["symbol"] in forecast.symbols and row["target"] in forecast.target_names:
            by_symbol.setdefault(row["symbol"], {})[row["target"]] = row
    for row in (*signals, *predictions):
        row |= calendar_fields(forecast, row, grace)
    of_all = state.marks
    mark_made_up_news(of_all, [row["news_source"] for row in predictions])
    symbols = {
        symbol: encode_answer(build_component(state.marks, forecast, rows))
        for symbol, rows in by_symbol.items()
    }
    bars = _newest_closes(view, forecast, state.source)
    models = _models(view, forecast, state.source, now)
    since = max(bars.values(), default=now) - WINDOW
    return ForecastCache(
        forecast=forecast,
        signals={row["universe"]: row for row in signals},
        predictions=by_symbol,
        bars=bars,
        models=models,
        ready={
            row["universe"]: encode_answer(build_signal(state.marks, forecast, row))
            for row in signals
        },
        symbols=symbols,
        latest=encode_all(of_all, forecast, list(symbols.values())) if symbols else None,
        vectors=load_vectors(view, forecast, state.marks, models, since, grace) if bars else {},
    )


def _models(view: View, forecast: Forecast, source: str, now: datetime) -> dict[str, ServingModel]:
    """Return the model that serves each target, where one does."""
    choices = {
        target_forecast.target.name: serving_model_at(
            read_decisions(view, target_forecast, source), now
        )
        for target_forecast in forecast.per_target()
    }
    return {target: choice for target, choice in choices.items() if choice is not None}


def _rows(view: View, table: str, by: str, where: str, values: list[Any]) -> list[Row]:
    """Read the newest row of each group; of two of the same bar, the live one."""
    newest = view.one(f"SELECT max(ts) FROM gold.{table} WHERE {where}", values)
    if newest is None:
        return []
    rows = view.sql(
        f"""SELECT * EXCLUDE (batch) FROM gold.{table} WHERE {where} AND ts > ?
            QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY ts DESC, live DESC) = 1
            ORDER BY {by}""",
        [*values, newest - WINDOW],
    )
    return read_rows(rows)


def _add_members(view: View, forecast: Forecast, row: Row) -> None:
    """Add a signal's members to its row, each with what the model predicted at that bar."""
    row["members"] = [
        part | {"probabilities": dict(part["probabilities"]) if part["probabilities"] else None}
        for part in view.sql(
            """SELECT c.symbol, c.action, c.score, c.weight, c.share, c.contribution,
                      p.expected_score, p.confidence, p.probabilities
               FROM gold.contributions c LEFT JOIN gold.predictions p
                 ON p.forecast = c.forecast AND p.source = c.source AND p.symbol = c.symbol
                 AND p."interval" = c."interval" AND p.ts = c.ts AND p.live = c.live
                 AND coalesce(p.action, c.action) = c.action AND p.role = 'champion'
                 AND p.target = ? AND p.ts = ?
               WHERE c.forecast = ? AND c.source = ? AND c.universe = ? AND c."interval" = ?
                 AND c.ts = ? AND c.live = ?
               ORDER BY c.weight DESC, c.symbol""",
            [
                combination_of(forecast, row["universe"])[1].name,
                row["ts"],
                *(row[name] for name in ("forecast", "source", "universe", "interval")),
                row["ts"],
                row["live"],
            ],
        ).to_pylist()
    ]


def _newest_closes(view: View, forecast: Forecast, source: str) -> dict[str, datetime]:
    """Read when each symbol's newest bar has closed."""
    where = 'source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))'
    values = [source, forecast.interval, list(forecast.symbols)]
    newest = view.one(f"SELECT max(ts) FROM silver.bars WHERE {where}", values)
    if newest is None:
        return {}
    rows = view.rows(
        f"SELECT symbol, max(closes_at) FROM silver.bars WHERE {where} AND ts > ? GROUP BY symbol",
        [*values, newest - WINDOW],
    )
    return {symbol: closes_at.astimezone(UTC) for symbol, closes_at in rows}


def calendar_fields(forecast: Forecast, row: Row, grace: timedelta) -> Row:
    """Return when the next run should have scored a bar, and whether a night lies before it."""
    market = calendar(forecast.schedule.calendar)
    span = (instants([row[name]]) for name in ("closes_at", "timestamp_next"))
    return {
        "stale_at": find_stale_at(forecast, row["ts"], row["closes_at"], grace),
        "spans_night": bool(spans_night(market, *span)[0]),
    }
