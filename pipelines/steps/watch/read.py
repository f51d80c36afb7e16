"""Read what monitoring looks at: live rows, and the rows that their model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np

from pipelines.core.errors import BullionError
from pipelines.forecasts import TargetForecast
from pipelines.lake import Lake, View
from pipelines.monitoring.kinds import monitor_of
from pipelines.monitoring.live_rows import LiveRows, ReferenceRows
from pipelines.monitoring.live_signals import LiveSignals
from pipelines.registry.decisions import ServingModel
from pipelines.steps.data.rows import build_rows, feature_columns, instants, read_training_rows


@dataclass(frozen=True)
class TrainingRecord:
    """What the decision of a model's training recorded."""

    as_of: datetime
    snapshot: int
    gates: str  # the verdicts of its gates, as JSON


def read_live_rows(
    view: View, forecast: TargetForecast, source: str, now: datetime, sessions: int
) -> LiveRows:
    """Read what serving models predicted live, of bars whose outcome was known by `now`.

    The last `sessions` sessions that have such rows, none of them older than about twice that
    many weekdays.
    """
    # Of each table what is older is left out by its own time, so that no history is read.
    since = _since(now, sessions)
    names = feature_columns(forecast.feature_names, "f")
    monitor = monitor_of(forecast.label.kind)
    table = view.sql(
        f"""SELECT coalesce(f.session, CAST(p.ts AT TIME ZONE 'UTC' AS DATE)) AS session,
                   coalesce(f.place, -1) AS place, p.symbol, p.model_version, p.closes_at,
                   p.action, p.probabilities, p.value, p.value_low, p.value_high,
                   o.outcome, o.actual, o.known_at, {names}
            FROM gold.predictions p
            JOIN (FROM gold.outcomes WHERE ts > ?) o
              USING (forecast, target, source, symbol, "interval", ts, model_version)
            LEFT JOIN (FROM {forecast.table.full_name} WHERE ts > ?) f
              ON f.source = p.source AND f.symbol = p.symbol AND f.ts = p.ts
            WHERE p.forecast = ? AND p.target = ? AND p.source = ? AND p."interval" = ?
              AND p.role = 'champion' AND p.live AND p.scored_at <= ? AND o.known_at <= ?
              AND p.ts > ?
            QUALIFY dense_rank() OVER (ORDER BY session DESC) <= ?
            ORDER BY session, p.closes_at, p.symbol""",
        [
            since,
            since,
            forecast.name,
            forecast.label.name,
            source,
            forecast.interval,
            now,
            now,
            since,
            sessions,
        ],
    )
    rows = build_rows(forecast, table, unknown_symbols=True)
    outputs, predictions, truth = monitor.read_arrays(forecast.label, table)
    live = LiveRows(rows, table["model_version"].to_numpy(), outputs, predictions, truth)
    comparable = monitor.is_comparable(predictions, truth)
    return live.take(comparable & np.isfinite(outputs).all(axis=1))


def _since(now: datetime, sessions: int) -> datetime:
    """A time before the last sessions, of any calendar."""
    return now - timedelta(days=15 + 3 * sessions)


def read_live_signals(
    view: View, forecast: TargetForecast, source: str, now: datetime, sessions: int
) -> LiveSignals:
    """Read what was published live of the indexes, with what each did next as known by `now`."""
    since = _since(now, sessions)
    table = view.sql(
        """SELECT s.universe, s.model_version, s.closes_at,
                  CAST(s.ts AT TIME ZONE 'UTC' AS DATE) AS session,
                  s.wss, s.expected_wss, o.next_return
           FROM gold.index_signals s
           JOIN (FROM gold.index_outcomes WHERE ts > ?) o
             USING (forecast, source, universe, "interval", ts)
           WHERE s.forecast = ? AND s.source = ? AND s."interval" = ? AND s.live
             AND s.universe IN (SELECT unnest(?)) AND s.scored_at <= ? AND o.known_at <= ?
             AND s.ts > ?
           QUALIFY dense_rank() OVER (ORDER BY session DESC) <= ?
           ORDER BY s.closes_at, s.universe""",
        [
            since,
            forecast.name,
            source,
            forecast.interval,
            [rule.universe for rule in forecast.combinations],
            now,
            now,
            since,
            sessions,
        ],
    )
    return LiveSignals(
        np.array(table["universe"].to_pylist(), dtype=object),
        table["model_version"].to_numpy(),
        instants(table, "closes_at"),
        table["session"].to_numpy().astype("datetime64[D]"),
        *(
            table[name].to_numpy().astype(np.float64)
            for name in ("wss", "expected_wss", "next_return")
        ),
    )


def read_training_record(
    view: View, forecast: TargetForecast, source: str, serving: ServingModel
) -> TrainingRecord:
    """Return the record of the original training: later decisions by hand copied it."""
    records = view.rows(
        """SELECT as_of, snapshot, gates FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ? AND model_version = ? AND sha256 = ?
           ORDER BY decided_at LIMIT 1""",
        [
            forecast.name,
            forecast.label.name,
            source,
            serving.model_version,
            serving.decision.sha256,
        ],
    )
    return TrainingRecord(*records[0])


def read_reference_rows(
    lake: Lake, forecast: TargetForecast, source: str, training: TrainingRecord
) -> tuple[ReferenceRows, str]:
    """Read the rows that a model was trained on, from the snapshot of its training.

    Where that snapshot cannot be read, the rows are those of the lake as it is now, and the second
    value says why; else it is empty.
    """
    message = ""
    try:
        with lake.view(training.snapshot) as view:
            rows = read_training_rows(view, forecast, source, training.as_of)
    # In a snapshot of an older layout the table has other columns: DuckDB raises an error.
    except (BullionError, duckdb.Error) as error:
        cause = error.message if isinstance(error, BullionError) else str(error).splitlines()[0]
        message = (
            f"its snapshot {training.snapshot} cannot be read, so live rows are compared with the"
            f" rows of now: {cause}"
        )
        with lake.view() as view:
            rows = read_training_rows(view, forecast, source, training.as_of)
    rows, label = rows.take(np.isfinite(rows.outcome)), forecast.label
    truth = label.truth(rows.outcome, label.learn(rows.outcome))
    return ReferenceRows(rows, truth, forecast.feature_names, label.scores), message


def empty_reference(forecast: TargetForecast, live: LiveRows) -> ReferenceRows:
    """Reference without rows, for where no training row is left: many gates need none."""
    empty = live.take(np.zeros(len(live), bool))
    return ReferenceRows(empty.rows, empty.truth, forecast.feature_names, forecast.label.scores)
