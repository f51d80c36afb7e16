"""What monitoring reads: the rows that were live, and what their model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np

from pipelines.core.errors import BullionError
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, View
from pipelines.monitoring.kinds import watched
from pipelines.monitoring.live import LiveRows, TrainedOn
from pipelines.registry.decisions import Serving
from pipelines.steps.data.rows import build_rows, feature_columns, read_training_rows


@dataclass(frozen=True)
class Training:
    """What a model's own training decided on, and said of it."""

    as_of: datetime
    snapshot: int
    gates: str  # JSON


def live_rows(
    view: View, forecast: TargetForecast, source: str, now: datetime, sessions: int
) -> LiveRows:
    """What the serving models said live, of bars whose outcome was known by then.

    Over the last `sessions` sessions that have such rows, none of them older than twice that
    many weekdays.
    """
    names = feature_columns(forecast.feature_names, "f")
    kind = watched(forecast.label.kind)
    found = view.sql(
        f"""SELECT coalesce(f.session, CAST(p.ts AT TIME ZONE 'UTC' AS DATE)) AS session,
                   coalesce(f.place, -1) AS place, p.symbol, p.model_version, p.closes_at,
                   p.action, p.probabilities, p.value, p.value_low, p.value_high,
                   o.outcome, o.actual, o.known_at, {names}
            FROM gold.predictions p
            JOIN gold.outcomes o
              USING (forecast, target, source, symbol, "interval", ts, model_version)
            LEFT JOIN {forecast.table.full_name} f
              ON f.source = p.source AND f.symbol = p.symbol AND f.ts = p.ts
            WHERE p.forecast = ? AND p.target = ? AND p.source = ? AND p."interval" = ?
              AND p.role = 'champion' AND p.live AND p.scored_at <= ? AND o.known_at <= ?
              AND p.ts > ?
            QUALIFY dense_rank() OVER (ORDER BY session DESC) <= ?
            ORDER BY session, p.closes_at, p.symbol""",
        [
            forecast.name,
            forecast.label.name,
            source,
            forecast.interval,
            now,
            now,
            now - timedelta(days=15 + 3 * sessions),
            sessions,
        ],
    )
    rows = build_rows(forecast, found, unknown_symbols=True)
    given, said, truth = kind.read(forecast.label, found)
    made = LiveRows(rows, found["model_version"].to_numpy(), given, said, truth)
    return made.take(kind.counted(said, truth) & np.isfinite(given).all(axis=1))


def training_of(view: View, forecast: TargetForecast, source: str, who: Serving) -> Training:
    """Moves by hand came later, and copied it."""
    found = view.rows(
        """SELECT as_of, snapshot, gates FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? AND sha256 = ?
           ORDER BY decided_at LIMIT 1""",
        [
            forecast.name,
            forecast.label.name,
            source,
            who.model_version,
            who.decision.sha256,
        ],
    )
    return Training(*found[0])


def trained_on(
    lake: Lake, forecast: TargetForecast, source: str, own: Training
) -> tuple[TrainedOn, str]:
    """The rows a model was trained on; from the lake as it is now, and why, if need be."""
    told = ""
    try:
        with lake.view(own.snapshot) as view:
            rows = read_training_rows(view, forecast, source, own.as_of)
    # In an older layout's snapshot the table has other columns, which DuckDB says in its own words.
    except (BullionError, duckdb.Error) as error:
        why = error.message if isinstance(error, BullionError) else str(error).splitlines()[0]
        told = (
            f"its snapshot {own.snapshot} cannot be read, so live rows are held against the rows"
            f" of now: {why}"
        )
        with lake.view() as view:
            rows = read_training_rows(view, forecast, source, own.as_of)
    rows, label = rows.take(np.isfinite(rows.outcome)), forecast.label
    truth = label.truth(rows.outcome, label.learn(rows.outcome))
    return TrainedOn(rows, truth, forecast.feature_names, label.scores), told


def nothing_known(forecast: TargetForecast, like: LiveRows) -> TrainedOn:
    """Where no training row is left: many a gate can do without them."""
    nothing = like.take(np.zeros(len(like), bool))
    return TrainedOn(nothing.rows, nothing.truth, forecast.feature_names, forecast.label.scores)
