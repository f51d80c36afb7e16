"""Features of the requests to score: computed from bars, or sent as indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from pipelines.core.errors import InvalidField, unknown
from pipelines.core.instants import from_numpy
from pipelines.features.companions import Companion
from pipelines.features.inputs import BARS
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.requests import bars as rules
from pipelines.requests.bars import VALUES, RequestBars
from pipelines.requests.features import (
    align_companions,
    compute_features,
    describe_missing,
    find_impossible,
)
from pipelines.requests.model import Model, Models
from pipelines.requests.predictions import NEVER
from serving.predict.predictions import FeatureRow
from serving.schemas.scoring import RequestBar, ScoreRequest

NO_BAR = "indicators were sent: which bar they are of is not known"


@dataclass(frozen=True, eq=False)
class RequestSeries:
    """Bars that can be scored, and what their answer says about them."""

    symbol: str
    bars: RequestBars
    data_source: str
    notices: tuple[str, ...]
    companions: Mapping[str, Companion]  # those that were sent, by symbol


def build_feature_rows(
    models: Models,
    requests: Sequence[ScoreRequest],
    now: datetime,
    view: View | None,
    max_bars: int,
    complete: bool,
) -> list[FeatureRow | InvalidField]:
    """Build the row of features of each request, or the error of a request without one.

    What features read beside the sent bars comes from the view, and with `complete` stored bars
    complete those that were sent.
    """
    results: list[FeatureRow | InvalidField | RequestSeries] = []
    for request in requests:
        try:
            results.append(_read_request(models, request, now, view, max_bars, complete))
        except InvalidField as error:
            results.append(error)
    series = [result for result in results if isinstance(result, RequestSeries)]
    rows = iter(_newest_rows(models.main, series, view))
    return [next(rows) if isinstance(result, RequestSeries) else result for result in results]


def _read_request(
    models: Models,
    request: ScoreRequest,
    now: datetime,
    view: View | None,
    max_bars: int,
    complete: bool,
) -> FeatureRow | RequestSeries:
    if (request.bars is None) == (request.indicators is None):
        count_words = "neither bars nor" if request.bars is None else "both bars and"
        raise InvalidField(
            f"the request has {count_words} indicators",
            "send either bars or indicators",
            "bars" if request.bars is None else "indicators",
        )
    symbol = resolve_symbol(models, request.symbol)
    _check_interval(models.forecast, request.interval)
    if request.indicators is not None:
        row = read_indicators(models.forecast, models.feature_names, request.indicators)
        return FeatureRow(symbol, row, NEVER, NEVER, 0, "caller", (NO_BAR,))
    stored = view if complete else None
    series = _place_series(models, symbol, request.bars or [], now, stored, max_bars)
    return replace(series, companions=_place_companions(models.main, request, now, max_bars))


def resolve_symbol(models: Models, symbol: str | None) -> str:
    """Return the symbol of a request, if the models were trained on it."""
    forecast = models.forecast
    if symbol is None:
        if len(forecast.symbols) > 1:
            raise InvalidField(
                f"{forecast.name} forecasts {len(forecast.symbols)} symbols, and none is named",
                "name the symbol as `symbol`",
                "symbol",
            )
        symbol = forecast.symbols[0]
    for model in models.by_target.values():
        description = model.scorer.description
        if symbol not in description.symbols:
            error = unknown("symbol", symbol.upper(), description.symbols)
            raise InvalidField(f"{forecast.name} knows no symbol {symbol!r}", error.hint, "symbol")
        if symbol in description.untrained:
            raise InvalidField(
                f"the model was trained on no bar of {symbol}",
                "it can be scored once it is",
                "symbol",
            )
    return symbol


def _check_interval(forecast: Forecast, interval: str | None) -> None:
    if interval is not None and interval != forecast.interval:
        raise InvalidField(
            f"{forecast.name} is scored on {forecast.interval} bars, not {interval!r}",
            f"send {forecast.interval} bars, or name another forecast",
            "interval",
        )


# -- indicators


def read_indicators(
    forecast: Forecast, read_names: Sequence[str], indicators: Mapping[str, float]
) -> np.ndarray:
    """Return the sent features in the forecast's order, NaN for those that are not sent.

    `read_names` are those that a model reads: each must be there, and each that is sent must be
    possible.
    """
    features = {feature.name: feature for feature in forecast.features}
    hint = f"GET /forecasts/{forecast.name}/features lists all {len(features)}"
    for name in indicators:
        if name not in features:
            error = unknown("indicator", name[:64], features)
            raise InvalidField(error.message, error.hint, f"indicators.{name[:64]}")
    absent = [name for name in read_names if name not in indicators]
    if absent:
        rest = f" and {len(absent) - 1} others" if len(absent) > 1 else ""
        raise InvalidField(
            f"the indicator {absent[0]} is missing{rest}", hint, f"indicators.{absent[0]}"
        )
    for name, value in indicators.items():
        reason = find_impossible(features[name], value)
        if reason:
            raise InvalidField(reason, hint, f"indicators.{name}")
    return np.array([indicators.get(name, np.nan) for name in features], np.float64)


# -- bars


def _place_series(
    models: Models,
    symbol: str,
    request_bars: list[RequestBar],
    now: datetime,
    view: View | None,
    max_bars: int,
) -> RequestSeries:
    """Check the bars of a request, place them on the calendar, and see that there are enough."""
    model, needed = models.main, models.look_back + 1
    forecast = model.forecast
    if len(request_bars) > max_bars:
        raise InvalidField(
            f"{len(request_bars):,} bars are more than the {max_bars:,} that are taken at once",
            f"{needed} are enough",
            "bars",
        )
    values, ts = _arrays(request_bars)
    interval, market, grid = forecast.bar, model.market, model.grid
    bars = rules.place_bars(values, ts, market, interval, grid, now)
    notices, source = list(bars.notices), "caller"
    if view is not None and len(bars) < needed:
        stored = _read_stored_bars(model, view, symbol, bars.ts[0], needed - len(bars))
        if len(stored):
            pairs = zip(_parts(stored), _parts(bars), strict=True)
            opens, closes, prices = (np.concatenate(pair) for pair in pairs)
            bars = rules.refuse_leap(RequestBars(opens, closes, prices))
            source = f"caller+{model.source}"
        notices.append(f"{len(stored)} stored bars of {model.source} complete those sent")
    if len(bars) < needed:
        hint = "send more, or ask with history=stored to complete them from stored bars"
        raise InvalidField(
            f"{len(bars)} closed bars, and {needed} are needed: the bar and "
            f"{models.look_back} before it",
            hint if view is None else "there are too few stored ones too: send more",
            "bars",
        )
    bars = bars.last(needed)
    absent = rules.count_missing(bars, market, interval, grid)
    if absent:
        notices.append(f"{absent} bars of the calendar are missing between those scored")
    return RequestSeries(symbol, bars, source, tuple(notices), {})


def _place_companions(
    model: Model, request: ScoreRequest, now: datetime, max_bars: int
) -> dict[str, Companion]:
    """Check the sent bars of other symbols, and place them on the calendar."""
    subjects = _companion_symbols(model)
    companions = {}
    for symbol, request_bars in request.companions.items():
        if symbol not in subjects:
            error = unknown("companion", symbol[:64], subjects)
            raise InvalidField(error.message, error.hint, f"companions.{symbol[:64]}")
        if not 0 < len(request_bars) <= max_bars:
            raise InvalidField(
                f"{len(request_bars):,} bars of {symbol}",
                f"send between 1 and {max_bars:,}",
                f"companions.{symbol}",
            )
        try:
            values, ts = _arrays(request_bars)
            forecast = model.forecast
            bars = rules.place_bars(values, ts, model.market, forecast.bar, model.grid, now)
        except InvalidField as error:
            field = (error.field or "bars").replace("bars", f"companions.{symbol}", 1)
            raise InvalidField(f"{symbol}: {error.message}", error.hint, field) from error
        by_name = {name: bars.values[:, place] for place, name in enumerate(VALUES)}
        companions[symbol] = Companion(bars.closes_at, bars.closes_at, by_name)
    return companions


def _companion_symbols(model: Model) -> tuple[str, ...]:
    """The symbols of whose bars features read, whether the forecast predicts them or not."""
    references = model.forecast.forecast.references
    return tuple(dict.fromkeys(r.subject for r in references if r.dataset == BARS))


def _arrays(request_bars: list[RequestBar]) -> tuple[np.ndarray, list[datetime] | None]:
    rows = [[getattr(bar, name) for name in VALUES] for bar in request_bars]
    absent = np.array([[value is None for value in row] for row in rows])
    values = np.array(rows, dtype=np.float64)  # None becomes NaN
    faults = rules.find_faults(values, absent)
    if faults:
        first, others = faults[0], len(faults) - 1
        note = f"; {others} other bars are wrong too" if others else ""
        raise InvalidField(
            f"bar {first.row}: {first.detail} ({first.reason}){note}",
            "correct it, or leave the bar out",
            f"bars.{first.row}.{first.field}",
        )
    times = [b.ts for b in request_bars if b.ts is not None]
    if times and len(times) < len(request_bars):
        row = next(n for n, b in enumerate(request_bars) if b.ts is None)
        raise InvalidField(
            f"bar {row} has no ts, others have", "give all a ts, or none", f"bars.{row}.ts"
        )
    return values, times or None


def _parts(bars: RequestBars) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return bars.ts, bars.closes_at, bars.values


def _read_stored_bars(
    model: Model, view: View, symbol: str, end: np.datetime64, count: int
) -> RequestBars:
    """Read the newest stored bars that open before an instant, oldest first."""
    table = view.sql(
        f"""SELECT ts, closes_at, {", ".join(VALUES)} FROM silver.bars
            WHERE source = ? AND symbol = ? AND "interval" = ? AND ts < ?
            ORDER BY ts DESC LIMIT ?""",
        [model.source, symbol, model.forecast.interval, from_numpy(end), count],
    )
    ts, closes = (table[c].to_numpy().astype("datetime64[us]")[::-1] for c in ("ts", "closes_at"))
    values = np.column_stack([table[name].to_numpy() for name in VALUES])[::-1]
    return RequestBars(ts, closes, values)


def _newest_rows(
    model: Model, series: Sequence[RequestSeries], view: View | None
) -> list[FeatureRow]:
    """Compute the features of each series' newest bar."""
    if not series:
        return []
    ends = np.cumsum([len(item.bars) for item in series]) - 1
    aligned = align_companions(
        model, [item.bars for item in series], view, [item.companions for item in series]
    )
    rows = compute_features(model, [item.bars for item in series], aligned)[ends]
    return [
        FeatureRow(
            item.symbol,
            row,
            item.bars.ts[-1],
            item.bars.closes_at[-1],
            len(item.bars),
            _describe_source(model, item),
            item.notices,
            describe_missing(arrays, item.bars),
        )
        for item, row, arrays in zip(series, rows, aligned, strict=True)
    ]


def _describe_source(model: Model, series: RequestSeries) -> str:
    """Say whose bars a prediction is of: stored ones may stand beside those that were sent."""
    all_sent = set(_companion_symbols(model)) <= set(series.companions)
    return series.data_source if all_sent else f"caller+{model.source}"
