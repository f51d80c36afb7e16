"""Features of what a caller sends: computed from bars as a training does, or checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipelines.core.instants import from_numpy
from pipelines.features import Feature, feature_matrix
from pipelines.features.companions import Companion, Companions
from pipelines.features.inputs import BARS
from pipelines.features.panel import build_panel
from pipelines.lake import View
from pipelines.requests.bars import VALUES, RequestBars
from pipelines.requests.model import Model
from pipelines.requests.stored_companions import StoredCompanions

STORED = StoredCompanions()
LARGEST = float(np.finfo(np.float32).max)  # a model takes no more


def find_impossible(feature: Feature, value: float) -> str:
    """Return what is wrong with a value of a feature; empty where nothing is."""
    if not abs(value) <= LARGEST:
        return f"{feature.name} is {value:g}, not a number that a model takes"
    if feature.low is not None and value < feature.low:
        return f"{feature.name} is {value:g}, not at least {feature.low:g}"
    if feature.high is not None and value > feature.high:
        return f"{feature.name} is {value:g}, not at most {feature.high:g}"
    return ""


def hint_nearest(name: str, names: Sequence[str]) -> str:
    """Return a hint that names the most similar known name; empty where none is similar."""
    similar = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; is it {similar[0]!r}?" if similar else ""


def compute_features(
    model: Model, series: Sequence[RequestBars], aligned: Sequence[Mapping[str, np.ndarray]]
) -> np.ndarray:
    """Compute a row of features per bar, of all series end to end, as training does.

    `aligned` has what features read beside the bars of each series.
    """
    lengths = [len(bars) for bars in series]
    values = np.concatenate([bars.values for bars in series])
    # The number of a series stands for its symbol: one symbol may come more than once.
    number = pa.array(np.repeat(np.arange(len(series)), lengths)).cast(pa.string())
    columns = {"symbol": number, "ts": pa.array(np.concatenate([bars.ts for bars in series]))}
    columns |= {name: pa.array(values[:, place]) for place, name in enumerate(VALUES)}
    beside = {name: np.concatenate([part[name] for part in aligned]) for name in aligned[0]}
    panel = build_panel(pa.table(columns), model.market, model.forecast.bar, model.grid, beside)
    return feature_matrix(model.forecast.features, panel)


def align_companions(
    model: Model,
    series: Sequence[RequestBars],
    view: View | None,
    companions_of_series: Sequence[Mapping[str, Companion]] = (),
) -> list[dict[str, np.ndarray]]:
    """Align what features read beside their own bars to the closes of each series.

    `companions_of_series` has those that came with each series; the others are read from the view.
    """
    forecast = model.forecast.forecast
    references, interval = forecast.references, forecast.interval
    if not references:
        return [{} for _ in series]
    assert view is not None
    closes = np.concatenate([bars.closes_at for bars in series])
    ends = (from_numpy(closes.min()), from_numpy(closes.max()))
    stored = STORED.read(view, references, model.source, interval, *ends)
    parts = []
    for place, bars in enumerate(series):
        companions = companions_of_series[place] if companions_of_series else {}
        of_series = {(BARS.name, symbol): companion for symbol, companion in companions.items()}
        both = Companions({**stored.by_subject, **of_series})
        parts.append(both.align(references, bars.closes_at))
    return parts


def describe_missing(arrays: Mapping[str, np.ndarray], bars: RequestBars) -> tuple[str, ...]:
    """Say which inputs beside the bars are missing, and since when."""
    sentences = []
    for name, values in arrays.items():
        absent = np.isnan(values)
        if absent.any():
            first = from_numpy(bars.closes_at[absent][0])
            sentences.append(
                f"{name} is missing at {absent.sum():,} of {len(bars):,} bars, first at the close "
                f"of {first:%Y-%m-%d %H:%M} UTC"
            )
    return tuple(sentences)
