"""The newest of every forecast, from one snapshot, with its answers made ready."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import BaseModel

from pipelines.calendar import calendar
from pipelines.combination import ComponentWeighted
from pipelines.decisions import Serving, decisions, serving
from pipelines.forecasts import Forecast
from pipelines.lake import View
from serving.answers import OfPrediction, OfSignal, Scored
from serving.lake import made_up
from serving.times import instants, spans_night

UNIVERSE = "qqq"  # whose signal is meant where none is named
WINDOW = timedelta(days=10)  # a symbol whose newest prediction is older has none
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
AGE = b',"age_seconds":'
Row = dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """An answer as bytes but for its age, fresh and stale."""

    fresh: bytes
    stale: bytes
    etag: bytes
    closes_at: float
    stale_at: float

    def body(self, now: float) -> bytes:
        """The answer as it reads at an instant, in seconds since 1970."""
        text = self.stale if now >= self.stale_at else self.fresh
        return b"%b%b%d}" % (text, AGE, max(0, now - self.closes_at))

    def tag(self, now: float) -> bytes:
        """The same until something other than the age changes."""
        return b'W/"%b-%b"' % (self.etag, b"stale" if now >= self.stale_at else b"fresh")

    def fresh_for(self, now: float) -> int:
        """Whole seconds until it turns stale."""
        return max(0, int(self.stale_at - now)) if now < self.stale_at else 86400


@dataclass(frozen=True)
class Newest:
    """A forecast's newest rows."""

    forecast: Forecast
    signals: Mapping[str, Row]  # by universe
    predictions: Mapping[str, Row]  # by symbol
    bars: Mapping[str, datetime]  # close of the newest bar, by symbol
    model: Serving | None
    ready: Mapping[str, Ready]  # by universe
    symbols: Mapping[str, Ready]

    @property
    def newest_bar(self) -> datetime | None:
        return max(self.bars.values(), default=None)


@dataclass(frozen=True)
class State:
    """Everything that is answered from memory, of one snapshot."""

    snapshot: int
    source: str
    sample: bool
    forecasts: Mapping[str, Newest] = field(default_factory=dict)
    hot: Mapping[tuple[str, bytes], Ready] = field(default_factory=dict)  # by path and query

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


def _hot(forecasts: Mapping[str, Newest], main: str) -> dict[tuple[str, bytes], Ready]:
    """What is polled, by path and query as clients write them; others go by the router."""
    made: dict[tuple[str, bytes], Ready] = {}
    for name, one in forecasts.items():
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
    mine = [forecast.name, state.source]
    predictions = _rows(view, "predictions", "symbol", f"{TARGETED} AND role = 'champion'",
                        [*mine, forecast.label.name])  # fmt: skip
    signals = _rows(view, "index_signals", "universe", "forecast = ? AND source = ?", mine)
    known = {one.universe for one in forecast.combinations}
    signals = [row for row in signals if row["universe"] in known]
    for row in signals:
        _add_members(view, forecast, row)
    for row in (*signals, *predictions):
        row |= by_calendar(forecast, row, grace)
    told = {row["universe"]: row for row in signals}
    by_symbol = {row["symbol"]: row for row in predictions if row["symbol"] in forecast.symbols}
    return Newest(
        forecast,
        told,
        by_symbol,
        _bars(view, forecast, state.source),
        serving(decisions(view, forecast, state.source), now),
        {name: ready(state, signal_of(state, forecast, row)) for name, row in told.items()},
        {name: ready(state, component_of(state, forecast, r)) for name, r in by_symbol.items()},
    )


TARGETED = "forecast = ? AND source = ? AND target = ?"


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
        if "probabilities" in row:
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
                forecast.label.name,
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


def ready(state: State, answer: Row) -> Ready:
    """The bytes of an answer, and how long they hold."""
    late = (
        f"stale: a bar that should be scored since {answer['stale_at']:%Y-%m-%d %H:%M} UTC is not"
    )
    stale = answer | {"stale": True, "notices": [late, *answer["notices"]]}
    return Ready(
        orjson.dumps(answer | {"stale": False}, option=OPTIONS)[:-1],
        orjson.dumps(stale, option=OPTIONS)[:-1],
        f"{state.snapshot}-{answer['model_version']}-{answer['min_confidence'] or 0:g}".encode(),
        answer["closes_at"].timestamp(),
        answer["stale_at"].timestamp(),
    )


def _of(kind: type[BaseModel], row: Row) -> Row:
    """The part of a row that a model tells."""
    return {name: row[name] for name in kind.model_fields}


def _shared(state: State, row: Row, min_confidence: float | None) -> Row:
    marks = state.marks
    if not row["proven"]:
        marks["notices"].append(f"unproven model: {row['unproven_reason']}")
    if not row["live"]:
        marks["notices"].append("not live: written after the bar it is about had closed")
    told = {"as_of": row["scored_at"], "min_confidence": min_confidence}
    return marks | _of(Scored, row) | {"stale_at": row["stale_at"]} | told


def signal_of(
    state: State, forecast: Forecast, row: Row, min_confidence: float | None = None
) -> Row:
    """A universe's signal as it is answered; by the confidence policy, if one is asked for."""
    one = next(c for c in forecast.combinations if c.universe == row["universe"])
    members = [
        part | {"said": None, "risk": risk(forecast, part["action"], part["probabilities"])}
        for part in row["members"]
    ]
    told = _of(OfSignal, row)
    if min_confidence is not None:
        told |= _combined_again(one, members, min_confidence)
    limits = {"buy_at": one.buy_at, "sell_at": one.sell_at, "least_scored": one.least_scored}
    return (
        _shared(state, row, min_confidence) | told | {"thresholds": limits, "per_symbol": members}
    )


def _combined_again(one: ComponentWeighted, members: list[Row], least: float) -> Row:
    """The signal once weaker actions count as hold; the members are changed along."""
    for part in members:
        _hold_if_weak(part, one.actions, one.scores, least)
    actions = {p["symbol"]: p["action"] for p in members if p["action"] is not None}
    weights = {p["symbol"]: p["weight"] for p in members}
    found = one.combine(list(weights), actions, weights)
    parts = {p.symbol: p.contribution for p in found.contributions}
    for part in members:
        part["contribution"] = parts[part["symbol"]]
    return {"wss": found.wss, "signal": found.signal, "reason": found.reason}


def _hold_if_weak(row: Row, classes: Sequence[str], scores: Sequence[float], least: float) -> None:
    hold = classes[min(range(len(scores)), key=lambda place: abs(scores[place]))]
    weak = row["confidence"] is None or row["confidence"] < least
    if weak and row["action"] not in (None, hold):
        row |= {"said": row["action"], "action": hold, "score": 0.0}


def component_of(
    state: State, forecast: Forecast, row: Row, min_confidence: float | None = None
) -> Row:
    """A constituent's newest prediction as it is answered."""
    told = _of(OfPrediction, row) | {"said": None}
    told["risk"] = risk(forecast, row["action"], row["probabilities"])
    if min_confidence is not None:
        _hold_if_weak(told, forecast.label.classes, forecast.label.scores, min_confidence)
    return _shared(state, row, min_confidence) | told


def risk(
    forecast: Forecast, action: str | None, probabilities: Mapping[str, float] | None
) -> Row | None:
    """Hints from the probabilities: what speaks against the action, the tails, the doubt."""
    if action is None or not probabilities:
        return None
    worth = dict(zip(forecast.label.classes, forecast.label.scores, strict=True))
    entropy = -math.fsum(p * math.log(p) for p in probabilities.values() if p > 0)
    ends = (forecast.label.classes[0], forecast.label.classes[-1])
    return {
        "against": math.fsum(p for c, p in probabilities.items() if worth[c] * worth[action] < 0),
        "tails": math.fsum(probabilities.get(end, 0.0) for end in ends),
        "uncertainty": min(1.0, max(0.0, entropy / math.log(len(worth)))),
    }
