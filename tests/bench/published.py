"""A lake with a past, and a writer that publishes a signal of ten constituents every second."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa

from pipelines.core.calendar import calendar
from pipelines.core.universes import universe
from pipelines.forecasts import NASDAQ100_HOURLY as FORECAST
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.action import ACTIONS, SCORES
from pipelines.lake import Lake
from pipelines.scoring.wss import combine_bar
from pipelines.steps.lake import open_lake

SYMBOLS = universe("qqq").symbols
PAST = 20_000  # predictions


def fill(lake: Lake) -> None:
    """Write live past predictions with outcomes, and one signal."""
    opens = calendar().closed_bars(
        FORECAST.bar, datetime.now(UTC) - timedelta(days=600), datetime.now(UTC)
    )
    newest = opens.table().slice(len(opens) - PAST // len(SYMBOLS) - 1)
    bars = newest.to_pylist()
    rows = [
        build_row(symbol, bar["ts"], bar["closes_at"], next_bar["closes_at"], "hold", 0.0)
        for bar, next_bar in pairwise(bars)
        for symbol in SYMBOLS
    ]
    outcomes = [
        {n: r[n] for n in ("forecast", "target", "source", "symbol", "interval", "ts")}
        | {"model_version": 1, "outcome": 0.1, "next_return": 0.001, "actual": "hold"}
        | {"known_at": r["timestamp_next"]}
        for r in rows
    ]
    with lake.write("fill") as writer:
        writer.append("gold.predictions", build_table(rows))
        writer.append("gold.outcomes", pa.Table.from_pylist(outcomes))
    publish(lake, 0)


def build_table(rows: list[dict[str, object]]) -> pa.Table:
    """Build an Arrow table of rows, with probabilities as a map."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if "probabilities" in columns:
        map_type = pa.map_(pa.string(), pa.float64())
        columns["probabilities"] = pa.array(columns["probabilities"], map_type)
    return pa.table(columns)


def build_row(
    symbol: str, ts: datetime, closes_at: datetime, after: datetime, action: str, score: float
) -> dict[str, object]:
    return {
        "forecast": FORECAST.name, "target": "action", "source": "sample", "symbol": symbol,
        "interval": "1h", "ts": ts, "closes_at": closes_at, "timestamp_next": after,
        "role": "champion", "candidate": "random_forest", "model_version": 1, "action": action,
        "score": score, "expected_score": score, "confidence": 0.4,
        "probabilities": list(dict.fromkeys(ACTIONS, 0.2).items()), "proven": True,
        "unproven_reason": None, "live": True, "scored_at": closes_at,
    }  # fmt: skip


def publish(lake: Lake, count: int) -> None:
    """Replace the signal in one commit; each has another WSS."""
    bars = calendar().bars(FORECAST.bar, datetime.now(UTC), datetime.now(UTC) + timedelta(days=9))
    (now, next_bar), combination = bars.table().slice(0, 2).to_pylist(), ComponentWeighted("qqq")
    actions = {s: ACTIONS[(count + place) % 5] for place, s in enumerate(SYMBOLS)}
    worth = dict(zip(ACTIONS, SCORES, strict=True))
    weights = {s: 0.02 + place / 100 for place, s in enumerate(SYMBOLS)}
    signal = combine_bar(combination, SYMBOLS, actions, weights)
    times = {
        "ts": now["ts"],
        "closes_at": now["closes_at"],
        "timestamp_next": next_bar["closes_at"],
    }
    common = {"forecast": FORECAST.name, "source": "sample", "interval": "1h", "live": True}
    where = "ts >= ?"
    with lake.write("publish") as writer:
        values = [now["ts"]]
        parts = [
            common
            | {"universe": "qqq", "ts": now["ts"], "symbol": p.symbol, "weight": p.weight}
            | {"share": p.share, "action": p.action, "score": worth[p.action or ""]}
            | {"contribution": p.contribution}
            for p in signal.contributions
        ]
        signal_row = common | times | {
            "universe": "qqq", "index": "QQQ", "instrument": "/NQ", "wss": signal.wss,
            "signal": signal.signal, "reason": signal.reason, "coverage": signal.coverage,
            "index_share": signal.index_share, "weights_effective": now["session"],
            "weights_partial": False, "model_version": 1, "proven": True,
            "unproven_reason": None, "scored_at": datetime.now(UTC),
        }  # fmt: skip
        predictions = [build_row(s, *times.values(), a, worth[a]) for s, a in actions.items()]
        for name, rows in (("contributions", parts), ("index_signals", [signal_row]),
                           ("predictions", predictions)):  # fmt: skip
            writer.replace(f"gold.{name}", build_table(rows), where, values)


if __name__ == "__main__":
    with open_lake() as lake:
        for count in range(1, 10_000):
            publish(lake, count)
            time.sleep(1)
