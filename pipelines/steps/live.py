"""What monitoring reads: the rows that were live, and what their model was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pipelines.decisions import Serving
from pipelines.errors import BullionError
from pipelines.forecasts import Forecast
from pipelines.lake import Lake, View
from pipelines.modeling.dataset import Rows
from pipelines.monitoring.live import LiveRows
from pipelines.steps.train import training_rows


@dataclass(frozen=True)
class Training:
    """What a model's own training decided on, and said of it."""

    as_of: datetime
    snapshot: int
    gates: str  # JSON


def live_rows(
    view: View, forecast: Forecast, source: str, now: datetime, sessions: int
) -> LiveRows:
    """What the serving models said live, of bars whose outcome was known by then.

    Over the last `sessions` sessions that have such rows, none of them older than twice that
    many weekdays.
    """
    names = ", ".join(f'f."{name}"' for name in forecast.feature_names)
    found = view.sql(
        f"""SELECT coalesce(f.session, CAST(p.ts AT TIME ZONE 'UTC' AS DATE)) AS session,
                   p.symbol, p.model_version, p.closes_at, p.expected_score, p.action,
                   o.outcome, o.actual, {names}
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
    codes = {symbol: code for code, symbol in enumerate(forecast.symbols)}
    classes = {name: place for place, name in enumerate(forecast.label.classes)}
    columns = [found[name].to_numpy() for name in forecast.feature_names]
    made = LiveRows(
        session=found["session"].to_numpy().astype("datetime64[D]"),
        version=found["model_version"].to_numpy(),
        closes_at=found["closes_at"].to_numpy().astype("datetime64[us]"),
        symbol=np.array([codes.get(s, -1) for s in found["symbol"].to_pylist()], np.int64),
        expected_score=found["expected_score"].to_numpy(),
        outcome=found["outcome"].to_numpy(),
        action=np.array([classes.get(a, -1) for a in found["action"].to_pylist()], np.int64),
        actual=np.array([classes.get(a, -1) for a in found["actual"].to_pylist()], np.int64),
        features=np.column_stack(columns).astype(np.float32),
    )
    # A label that was cut otherwise has other classes: its rows cannot be counted with these.
    return made.take((made.action >= 0) & (made.actual >= 0))


def training_of(view: View, forecast: Forecast, source: str, who: Serving) -> Training:
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


def trained_on(lake: Lake, forecast: Forecast, source: str, own: Training) -> tuple[Rows, str]:
    """The rows a model was trained on; from the lake as it is now, and why, if need be."""
    try:
        with lake.view(own.snapshot) as view:
            return training_rows(view, forecast, source, own.as_of), ""
    except BullionError as error:
        told = f"its snapshot {own.snapshot} cannot be read, so drift is told from the rows of now"
        with lake.view() as view:
            return training_rows(view, forecast, source, own.as_of), f"{told}: {error.message}"
