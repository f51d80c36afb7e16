"""From placed bars to what the model says of them. Features are those of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from pipelines.errors import unknown
from pipelines.features import matrix
from pipelines.features.blocks import block_of
from pipelines.lake import View
from pipelines.scoring import next_closes, say
from serving.scoring import bars as rules
from serving.scoring.bars import VALUES, Placed
from serving.scoring.errors import Refused
from serving.scoring.model import Model
from serving.scoring.shapes import Bars
from serving.times import instant, spans_night


@dataclass(frozen=True, eq=False)
class Series:
    """Bars that can be scored, and what is to be told about them."""

    symbol: str
    bars: Placed
    data_source: str
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Next:
    """The bar that a prediction is about."""

    closes_at: datetime
    spans_night: bool


@dataclass(frozen=True)
class Scored:
    """What a model says of one bar."""

    action: int  # place in the classes; -1: not scored
    probabilities: np.ndarray


def known_symbol(model: Model, symbol: str) -> str:
    """The symbol, if the model was trained on it."""
    told = model.scorer.description
    if symbol not in told.symbols:
        error = unknown("symbol", symbol.upper(), told.symbols)
        raise Refused(f"{model.forecast.name} knows no symbol {symbol!r}", error.hint, "symbol")
    if symbol in told.untrained:
        raise Refused(
            f"the model was trained on no bar of {symbol}", "it can be scored once it is", "symbol"
        )
    return symbol


def checked_interval(model: Model, interval: str | None) -> None:
    wanted = model.forecast.interval
    if interval is not None and interval != wanted:
        raise Refused(
            f"{model.forecast.name} is scored on {wanted} bars, not {interval!r}",
            f"send {wanted} bars, or name another forecast",
            "interval",
        )


def series_of(model: Model, sent: Bars, now: datetime, view: View | None, most: int) -> Series:
    """The bars of a request: held to the rules, placed, and enough of them.

    With a view of the lake, stored bars complete those sent.
    """
    known_symbol(model, sent.symbol)
    checked_interval(model, sent.interval)
    if len(sent.bars) > most:
        raise Refused(
            f"{len(sent.bars):,} bars are more than the {most:,} that are taken at once",
            f"{model.forecast.look_back + 1} are enough",
            "bars",
        )
    values, ts = _arrays(sent)
    interval, market, grid = model.forecast.bar, model.market, model.grid
    made = rules.placed(values, ts, market, interval, grid, now)
    notices, source = list(made.notices), "caller"
    needed = model.forecast.look_back + 1
    if view is not None and len(made) < needed:
        stored = _stored(model, view, sent.symbol, made.ts[0], needed - len(made))
        if len(stored):
            pairs = zip(_parts(stored), _parts(made), strict=True)
            opens, closes, prices = (np.concatenate(pair) for pair in pairs)
            made = rules.steady(Placed(opens, closes, prices))
            source = f"caller+{model.source}"
        notices.append(f"{len(stored)} stored bars of {model.source} complete those sent")
    if len(made) < needed:
        hint = "send more, or ask with history=stored to complete them from stored bars"
        raise Refused(
            f"{len(made)} closed bars, and {needed} are needed: the bar and "
            f"{model.forecast.look_back} before it",
            hint if view is None else "there are too few stored ones too: send more",
            "bars",
        )
    made = made.last(needed)
    absent = rules.missing(made, market, interval, grid)
    if absent:
        notices.append(f"{absent} bars of the calendar are missing between those scored")
    return Series(sent.symbol, made, source, tuple(notices))


def _arrays(sent: Bars) -> tuple[np.ndarray, list[datetime] | None]:
    rows = [(b.open, b.high, b.low, b.close, b.volume) for b in sent.bars]
    absent = np.array([row[4] is None for row in rows])
    values = np.array(rows, dtype=np.float64)  # None becomes NaN
    wrong = rules.faults(values, absent)
    if wrong:
        first, others = wrong[0], len(wrong) - 1
        more = f"; {others} other bars are wrong too" if others else ""
        raise Refused(
            f"bar {first.row}: {first.detail} ({first.reason}){more}",
            "correct it, or leave the bar out",
            f"bars.{first.row}.{first.field}",
        )
    named = [b.ts for b in sent.bars if b.ts is not None]
    if named and len(named) < len(sent.bars):
        row = next(n for n, b in enumerate(sent.bars) if b.ts is None)
        raise Refused(
            f"bar {row} has no ts, others have", "give all a ts, or none", f"bars.{row}.ts"
        )
    return values, named or None


def _parts(made: Placed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return made.ts, made.closes_at, made.values


def _stored(model: Model, view: View, symbol: str, before: np.datetime64, count: int) -> Placed:
    """The newest stored bars that open before an instant, in ascending order."""
    found = view.sql(
        f"""SELECT ts, closes_at, {", ".join(VALUES)} FROM silver.bars
            WHERE source = ? AND symbol = ? AND "interval" = ? AND ts < ?
            ORDER BY ts DESC LIMIT ?""",
        [model.source, symbol, model.forecast.interval, instant(before), count],
    )
    ts, closes = (found[c].to_numpy().astype("datetime64[us]")[::-1] for c in ("ts", "closes_at"))
    values = np.column_stack([found[name].to_numpy() for name in VALUES])[::-1]
    return Placed(ts, closes, values)


def features(model: Model, many: Sequence[Placed]) -> np.ndarray:
    """A row a bar of all series, end to end, as training has them."""
    lengths = [len(one) for one in many]
    values = np.concatenate([one.values for one in many])
    # The number of a series stands for its symbol: one symbol may come more than once.
    number = pa.array(np.repeat(np.arange(len(many)), lengths)).cast(pa.string())
    columns = {"symbol": number, "ts": pa.array(np.concatenate([one.ts for one in many]))}
    columns |= {name: pa.array(values[:, place]) for place, name in enumerate(VALUES)}
    block = block_of(pa.table(columns), model.market, model.forecast.bar, model.grid)
    return matrix(model.forecast.features, block)


def scored(model: Model, symbols: Sequence[str], rows: np.ndarray) -> list[Scored]:
    """What the model says of rows of features, asked once for all of them."""
    said = say(model.scorer, symbols, rows, np.zeros(len(symbols)))
    return [Scored(int(a), p) for a, p in zip(said.action, said.probabilities, strict=True)]


def newest(model: Model, many: Sequence[Series]) -> Iterator[tuple[np.ndarray, Scored, Next]]:
    """The features of each series' newest bar, what the model says of it, and of which bar."""
    ends = np.cumsum([len(one.bars) for one in many]) - 1
    rows = features(model, [one.bars for one in many])[ends]
    last = [(one.bars.ts[-1], one.bars.closes_at[-1]) for one in many]
    after = about_next(model, *np.array(last).T)
    return zip(rows, scored(model, [one.symbol for one in many], rows), after, strict=True)


def unscored(model: Model, row: np.ndarray) -> Refused:
    """Why a row of features has no prediction."""
    absent = np.flatnonzero(~np.isfinite(row))
    names = ", ".join(model.forecast.feature_names[place] for place in absent)
    return Refused(
        f"the bars give no value of {names}",
        "send bars with volume, and with prices that move",
        "bars",
    )


def told(model: Model, one: Scored, min_confidence: float | None) -> dict[str, object]:
    """The fields of a prediction that the model decides, after the policy on confidence."""
    label, place = model.forecast.label, one.action
    confidence = float(one.probabilities[place])
    said = place
    if min_confidence is not None and confidence < min_confidence:
        said = min(range(len(label.classes)), key=lambda n: abs(label.scores[n]))
    return {
        "action": label.classes[said],
        "score": label.scores[said],
        "confidence": confidence,
        "probabilities": dict(zip(label.classes, one.probabilities.tolist(), strict=True)),
        "expected_score": float(one.probabilities @ np.array(label.scores)),
        "said": label.classes[place] if said != place else None,
    }


def marks(model: Model, notices: Sequence[str] = ()) -> dict[str, object]:
    """What every answer says of its model."""
    return {
        "forecast": model.forecast.name,
        "model_version": model.version,
        "proven": model.proven,
        "unproven_reason": model.unproven_reason,
        "trained_on": model.source,
        "sample": model.sample,
        "notices": [*notices, *model.notices],
    }


def about_next(model: Model, ts: np.ndarray, closes_at: np.ndarray) -> list[Next]:
    """The bars that predictions of these bars are about."""
    horizon = model.forecast.label.horizon
    found = next_closes(model.market, model.forecast.bar, model.grid, ts, horizon)
    nights = spans_night(model.market, closes_at, found)
    return [Next(instant(at), bool(n)) for at, n in zip(found, nights, strict=True)]


def prediction(
    model: Model,
    one: Series,
    row: np.ndarray,
    said: Scored,
    min_confidence: float | None,
    after: Next,
) -> dict[str, object]:
    """A whole prediction but for how long it took."""
    if said.action < 0:
        raise unscored(model, row)
    return {
        **marks(model, one.notices),
        **told(model, said, min_confidence),
        "symbol": one.symbol,
        "interval": model.forecast.interval,
        "ts": instant(one.bars.ts[-1]),
        "closes_at": instant(one.bars.closes_at[-1]),
        "timestamp_next": after.closes_at,
        "spans_night": after.spans_night,
        "features_used": dict(zip(model.forecast.feature_names, row.tolist(), strict=True)),
        "bars_used": len(one.bars),
        "data_source": one.data_source,
    }
