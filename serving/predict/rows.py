"""What a caller sends to be scored: bars, or indicators, as rows of features."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from pipelines.core.errors import unknown
from pipelines.features import Feature, matrix
from pipelines.features.panel import block_of
from pipelines.forecasts import Forecast
from pipelines.lake import View
from serving.predict import bars as rules
from serving.predict.bars import VALUES, Placed
from serving.predict.predict import NEVER, Asked
from serving.schemas.errors import Refused
from serving.schemas.scoring import Sent, SentBar
from serving.state.model import Model, Models
from serving.state.times import instant

LARGEST = float(np.finfo(np.float32).max)  # a model takes no more
NO_BAR = "indicators were sent: which bar they are of is not known"


@dataclass(frozen=True, eq=False)
class Series:
    """Bars that can be scored, and what is to be told about them."""

    symbol: str
    bars: Placed
    data_source: str
    notices: tuple[str, ...]


def asked(
    models: Models, many: Sequence[Sent], now: datetime, view: View | None, most: int
) -> list[Asked | Refused]:
    """A row of features of each request, or why there is none.

    With a view of the lake, stored bars complete those sent.
    """
    made: list[Asked | Refused | Series] = []
    for one in many:
        try:
            made.append(_one(models, one, now, view, most))
        except Refused as error:
            made.append(error)
    series = iter(_newest(models.main, [one for one in made if isinstance(one, Series)]))
    return [next(series) if isinstance(one, Series) else one for one in made]


def _one(models: Models, sent: Sent, now: datetime, view: View | None, most: int) -> Asked | Series:
    if (sent.bars is None) == (sent.indicators is None):
        told = "neither bars nor" if sent.bars is None else "both bars and"
        raise Refused(
            f"the request has {told} indicators",
            "send the one or the other",
            "bars" if sent.bars is None else "indicators",
        )
    symbol = symbol_of(models, sent.symbol)
    _check_interval(models.forecast, sent.interval)
    if sent.indicators is not None:
        row = indicated(models.forecast, sent.indicators)
        return Asked(symbol, row, NEVER, NEVER, 0, "caller", (NO_BAR,))
    return _series(models.main, symbol, sent.bars or [], now, view, most)


def symbol_of(models: Models, symbol: str | None) -> str:
    """The symbol that is meant, if the models were trained on it."""
    forecast = models.forecast
    if symbol is None:
        if len(forecast.symbols) > 1:
            raise Refused(
                f"{forecast.name} forecasts {len(forecast.symbols)} symbols, and none is named",
                "name one as `symbol`",
                "symbol",
            )
        symbol = forecast.symbols[0]
    for model in models.by_target.values():
        told = model.scorer.description
        if symbol not in told.symbols:
            error = unknown("symbol", symbol.upper(), told.symbols)
            raise Refused(f"{forecast.name} knows no symbol {symbol!r}", error.hint, "symbol")
        if symbol in told.untrained:
            raise Refused(
                f"the model was trained on no bar of {symbol}",
                "it can be scored once it is",
                "symbol",
            )
    return symbol


def _check_interval(forecast: Forecast, interval: str | None) -> None:
    if interval is not None and interval != forecast.interval:
        raise Refused(
            f"{forecast.name} is scored on {forecast.interval} bars, not {interval!r}",
            f"send {forecast.interval} bars, or name another forecast",
            "interval",
        )


# -- indicators


def indicated(forecast: Forecast, sent: Mapping[str, float]) -> np.ndarray:
    """The features that were sent, in their order; each must be there, and be possible."""
    known = {feature.name: feature for feature in forecast.features}
    listed = f"GET /forecasts/{forecast.name}/features lists all {len(known)}"
    for name in sent:
        if name not in known:
            error = unknown("indicator", name[:64], known)
            raise Refused(error.message, error.hint, f"indicators.{name[:64]}")
    absent = [name for name in known if name not in sent]
    if absent:
        others = f" and {len(absent) - 1} others" if len(absent) > 1 else ""
        raise Refused(
            f"the indicator {absent[0]} is missing{others}", listed, f"indicators.{absent[0]}"
        )
    for name, feature in known.items():
        reason = impossible(feature, sent[name])
        if reason:
            raise Refused(reason, listed, f"indicators.{name}")
    return np.array([sent[name] for name in known], np.float64)


def impossible(feature: Feature, value: float) -> str:
    """What is wrong with a value of a feature; mostly nothing."""
    if not abs(value) <= LARGEST:
        return f"{feature.name} is {value:g}, not a number that a model takes"
    if feature.low is not None and value < feature.low:
        return f"{feature.name} is {value:g}, not at least {feature.low:g}"
    if feature.high is not None and value > feature.high:
        return f"{feature.name} is {value:g}, not at most {feature.high:g}"
    return ""


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint at what was perhaps meant to be a name."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; is it {found[0]!r}?" if found else ""


# -- bars


def _series(
    model: Model, symbol: str, sent: list[SentBar], now: datetime, view: View | None, most: int
) -> Series:
    """The bars of a request: held to the rules, placed, and enough of them."""
    forecast, needed = model.forecast, model.forecast.look_back + 1
    if len(sent) > most:
        raise Refused(
            f"{len(sent):,} bars are more than the {most:,} that are taken at once",
            f"{needed} are enough",
            "bars",
        )
    values, ts = _arrays(sent)
    interval, market, grid = forecast.bar, model.market, model.grid
    made = rules.placed(values, ts, market, interval, grid, now)
    notices, source = list(made.notices), "caller"
    if view is not None and len(made) < needed:
        stored = _stored(model, view, symbol, made.ts[0], needed - len(made))
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
            f"{forecast.look_back} before it",
            hint if view is None else "there are too few stored ones too: send more",
            "bars",
        )
    made = made.last(needed)
    absent = rules.missing(made, market, interval, grid)
    if absent:
        notices.append(f"{absent} bars of the calendar are missing between those scored")
    return Series(symbol, made, source, tuple(notices))


def _arrays(sent: list[SentBar]) -> tuple[np.ndarray, list[datetime] | None]:
    rows = [(b.open, b.high, b.low, b.close, b.volume) for b in sent]
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
    named = [b.ts for b in sent if b.ts is not None]
    if named and len(named) < len(sent):
        row = next(n for n, b in enumerate(sent) if b.ts is None)
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


def _newest(model: Model, many: Sequence[Series]) -> list[Asked]:
    """The newest bar of each series."""
    if not many:
        return []
    ends = np.cumsum([len(one.bars) for one in many]) - 1
    rows = features(model, [one.bars for one in many])[ends]
    return [
        Asked(
            one.symbol,
            row,
            one.bars.ts[-1],
            one.bars.closes_at[-1],
            len(one.bars),
            one.data_source,
            one.notices,
        )
        for one, row in zip(many, rows, strict=True)
    ]
