"""The newest of every forecast, from one snapshot, with its answers made ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.calendar import calendar
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.registry.decisions import ServingModel, read_decisions, serving_model_at
from serving.state.answers import (
    All,
    Kept,
    Ready,
    Row,
    all_of,
    component_of,
    making,
    ready,
    signal_of,
)
from serving.state.reader import made_up
from serving.state.times import instants, spans_night

UNIVERSE = "qqq"  # whose signal is meant where none is named
WINDOW = timedelta(days=10)  # a symbol whose newest prediction is older has none


@dataclass(frozen=True)
class Newest:
    """A forecast's newest rows."""

    forecast: Forecast
    signals: Mapping[str, Row]  # by universe
    predictions: Mapping[str, Mapping[str, Row]]  # by symbol and target
    bars: Mapping[str, datetime]  # close of the newest bar, by symbol
    models: Mapping[str, ServingModel]  # by target
    ready: Mapping[str, Ready]  # by universe
    symbols: Mapping[str, Ready]
    latest: All | None  # of all symbols

    @property
    def newest_bar(self) -> datetime | None:
        return max(self.bars.values(), default=None)

    def rows(self, target: str) -> list[Row]:
        """The newest predictions of one target."""
        return [rows[target] for rows in self.predictions.values() if target in rows]

    @property
    def newest_rows(self) -> Mapping[str, Row]:
        """The newest prediction of each target that is predicted."""
        found = {name: self.rows(name) for name in self.forecast.target_names}
        return {name: max(rows, key=lambda r: r["ts"]) for name, rows in found.items() if rows}

    def stale(self, now: float) -> bool | None:
        """Whether any target's newest prediction is; None: there is none."""
        rows = self.newest_rows.values()
        return any(now >= row["stale_at"].timestamp() for row in rows) if rows else None


@dataclass(frozen=True)
class State:
    """Everything that is answered from memory, of one snapshot."""

    snapshot: int
    source: str
    sample: bool
    forecasts: Mapping[str, Newest] = field(default_factory=dict)
    hot: Mapping[tuple[str, bytes], Kept] = field(default_factory=dict)  # by path and query

    @property
    def marks(self) -> Row:
        """What every answer says of the data."""
        return {
            "data_source": self.source,
            "sample": self.sample,
            "notices": ["sample data: made up, and no market"] if self.sample else [],
            "snapshot": self.snapshot,
        }


def load(
    view: View, forecasts: Sequence[Forecast], source: str, grace: timedelta, now: datetime
) -> State:
    """The newest state of a snapshot."""
    bare = State(view.snapshot, source, made_up(source))
    made = {f.name: _newest(view, f, bare, grace, now) for f in forecasts}
    return replace(bare, forecasts=made, hot=_hot(made, forecasts[0].name))


def _hot(forecasts: Mapping[str, Newest], main: str) -> dict[tuple[str, bytes], Kept]:
    """What is polled, by path and query as clients write them; others go by the router."""
    made: dict[tuple[str, bytes], Kept] = {}
    for name, one in forecasts.items():
        if one.latest is not None:
            made[f"/forecasts/{name}/latest", b""] = one.latest
        paths = [(f"/forecasts/{name}/signal", f"/forecasts/{name}/component")]
        if name == main:
            paths.append(("/signal/index", "/predict/component"))
        for signal, component in paths:
            for universe, answer in one.ready.items():
                made[signal, f"universe={universe}".encode()] = answer
            for symbol, answer in one.symbols.items():
                made[component, f"symbol={symbol}".encode()] = answer
            if UNIVERSE in one.ready:
                made[signal, b""] = one.ready[UNIVERSE]
    return made


def _newest(
    view: View, forecast: Forecast, state: State, grace: timedelta, now: datetime
) -> Newest:
    mine, about = [forecast.name, state.source], "forecast = ? AND source = ?"
    predictions = _rows(
        view, "predictions", "symbol, target", f"{about} AND role = 'champion'", mine
    )
    signals = _rows(view, "index_signals", "universe", about, mine)
    known = {one.universe for one in forecast.combinations}
    signals = [row for row in signals if row["universe"] in known]
    for row in signals:
        _add_members(view, forecast, row)
    by_symbol: dict[str, dict[str, Row]] = {}
    for row in predictions:
        if row["symbol"] in forecast.symbols and row["target"] in forecast.target_names:
            by_symbol.setdefault(row["symbol"], {})[row["target"]] = row
    for row in (*signals, *predictions):
        row |= by_calendar(forecast, row, grace)
    told = {row["universe"]: row for row in signals}
    symbols = {
        symbol: ready(component_of(state.marks, forecast, rows))
        for symbol, rows in by_symbol.items()
    }
    return Newest(
        forecast,
        told,
        by_symbol,
        _bars(view, forecast, state.source),
        _models(view, forecast, state.source, now),
        {name: ready(signal_of(state.marks, forecast, row)) for name, row in told.items()},
        symbols,
        all_of(state.marks, forecast, list(symbols.values())) if symbols else None,
    )


def _models(view: View, forecast: Forecast, source: str, now: datetime) -> dict[str, ServingModel]:
    """Who serves each target, as far as anyone does."""
    found = {
        one.target.name: serving_model_at(read_decisions(view, one, source), now)
        for one in forecast.per_target()
    }
    return {target: who for target, who in found.items() if who is not None}


def _rows(view: View, table: str, by: str, where: str, values: list[Any]) -> list[Row]:
    """The newest row of each, live before not."""
    newest = view.one(f"SELECT max(ts) FROM gold.{table} WHERE {where}", values)
    if newest is None:
        return []
    found: list[Row] = view.sql(
        f"""SELECT * EXCLUDE (batch) FROM gold.{table} WHERE {where} AND ts > ?
            QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY ts DESC, live DESC) = 1
            ORDER BY {by}""",
        [*values, newest - WINDOW],
    ).to_pylist()
    for row in found:
        if row.get("probabilities") is not None:
            row["probabilities"] = dict(row["probabilities"])
    return found


def _add_members(view: View, forecast: Forecast, row: Row) -> None:
    """The parts of a signal, each with what the model said at that bar."""
    row["members"] = [
        part | {"probabilities": dict(part["probabilities"]) if part["probabilities"] else None}
        for part in view.sql(
            """SELECT c.symbol, c.action, c.score, c.weight, c.share, c.contribution,
                      p.confidence, p.probabilities
               FROM gold.contributions c LEFT JOIN gold.predictions p
                 ON p.forecast = c.forecast AND p.source = c.source AND p.symbol = c.symbol
                 AND p."interval" = c."interval" AND p.ts = c.ts AND p.live = c.live
                 AND p.action = c.action AND p.role = 'champion' AND p.target = ? AND p.ts = ?
               WHERE c.forecast = ? AND c.source = ? AND c.universe = ? AND c."interval" = ?
                 AND c.ts = ? AND c.live = ?
               ORDER BY c.weight DESC, c.symbol""",
            [
                making(forecast, row["universe"])[1].name,
                row["ts"],
                *(row[name] for name in ("forecast", "source", "universe", "interval")),
                row["ts"],
                row["live"],
            ],
        ).to_pylist()
    ]


def _bars(view: View, forecast: Forecast, source: str) -> dict[str, datetime]:
    where = 'source = ? AND "interval" = ? AND symbol IN (SELECT unnest(?))'
    values = [source, forecast.interval, list(forecast.symbols)]
    newest = view.one(f"SELECT max(ts) FROM silver.bars WHERE {where}", values)
    if newest is None:
        return {}
    found = view.rows(
        f"SELECT symbol, max(closes_at) FROM silver.bars WHERE {where} AND ts > ? GROUP BY symbol",
        [*values, newest - WINDOW],
    )
    return {symbol: closes_at.astimezone(UTC) for symbol, closes_at in found}


def by_calendar(forecast: Forecast, row: Row, grace: timedelta) -> Row:
    """When a bar that closed later should have been scored, and whether a night lies before it."""
    market, ts = calendar(forecast.schedule.calendar), row["ts"]
    after = timedelta(microseconds=1)
    later = market.bars(forecast.bar, ts + after, ts + timedelta(days=70)).closes_at
    closes: datetime = later[0].item().replace(tzinfo=UTC)
    span = (instants([row[name]]) for name in ("closes_at", "timestamp_next"))
    return {
        "stale_at": closes + forecast.schedule.grace + grace,
        "spans_night": bool(spans_night(market, *span)[0]),
    }
