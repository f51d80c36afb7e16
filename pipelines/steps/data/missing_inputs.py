"""Say which input of which features was missing, of which symbol, since when, and what was done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from pipelines.core.instants import from_numpy
from pipelines.core.universes import name_some
from pipelines.features.inputs import Reference
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.lake.companions import align_companions


def describe_missing_inputs(
    view: View, forecast: Forecast, source: str, first: datetime, last: datetime
) -> list[str]:
    """Describe the references without a value at own bars that closed in (first, last].

    A sentence a subject; none where everything was there. Features need more than these bars: what
    they look back at counts too.
    """
    if not forecast.references:
        return []
    closes = _own_closes(view, forecast, source, first, last)
    if not len(closes):
        return []
    arrays = align_companions(view, forecast.references, source, forecast.interval, closes)
    sentences = []
    for subject, references in _by_subject(forecast).items():
        absent = np.any([np.isnan(arrays[r.name]) for r in references], axis=0)
        if absent.any():
            sentences.append(_describe(forecast, source, subject, references, closes, absent))
    return sentences


def _own_closes(
    view: View, forecast: Forecast, source: str, first: datetime, last: datetime
) -> np.ndarray:
    """The closes in (first, last], and those before that their features look back at."""
    table = view.sql(
        """(SELECT DISTINCT closes_at FROM silver.bars
            WHERE source = $1 AND "interval" = $2 AND symbol IN (SELECT unnest($3))
            AND closes_at > $4 AND closes_at <= $5)
           UNION ALL
           (SELECT DISTINCT closes_at FROM silver.bars
            WHERE source = $1 AND "interval" = $2 AND symbol IN (SELECT unnest($3))
            AND closes_at <= $4 ORDER BY closes_at DESC LIMIT $6)
           ORDER BY closes_at""",
        [source, forecast.interval, list(forecast.symbols), first, last, forecast.look_back],
    )
    closes: np.ndarray = table["closes_at"].to_numpy().astype("datetime64[us]")
    return closes


def _by_subject(forecast: Forecast) -> dict[tuple[str, str], list[Reference]]:
    subjects: dict[tuple[str, str], list[Reference]] = {}
    for reference in forecast.references:
        subjects.setdefault((reference.dataset.name, reference.subject), []).append(reference)
    return subjects


def _describe(
    forecast: Forecast,
    source: str,
    subject: tuple[str, str],
    references: list[Reference],
    closes: np.ndarray,
    absent: np.ndarray,
) -> str:
    readers = [f for f in forecast.features if set(references) & set(f.references)]
    neutral = [f.name for f in readers if f.neutral is not None or f.is_flag]
    missing = [f.name for f in readers if f.neutral is None and not f.is_flag]
    since = from_numpy(closes[np.argmax(absent)]).astimezone(UTC)
    count = "all" if absent.all() else f"{int(absent.sum()):,} of"
    consequences = []
    if missing:
        consequences.append(f"{name_some(missing)}: no value, and the rows are not scored")
    if neutral:
        consequences.append(f"{name_some(neutral)}: the stated neutral value")
    oldest = max(r.oldest for r in references)
    return (
        f"{forecast.name} on {source}: {', '.join(r.name for r in references)} missing at {count} "
        f"{len(closes):,} bars, first at the close of {since:%Y-%m-%d %H:%M} UTC (no {subject[0]} "
        f"of {subject[1]} within {oldest // timedelta(days=1)} days before); "
        f"{'; '.join(consequences)}"
    )
