"""Training: candidates compared on one snapshot, the winner registered, the gates' word kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from pipelines.errors import InvalidRequest
from pipelines.forecasts import Forecast
from pipelines.gates import Decision, Evidence, judge_all
from pipelines.lake import Lake, View
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.dataset import Rows
from pipelines.modeling.onnx import Description, OnnxScorer, parity, to_onnx
from pipelines.registry import PRODUCTION, Registry, Version
from pipelines.runs import keep_runs
from pipelines.steps.features import refresh_features

Progress = Callable[[str, int, int], None]
LATENCY_ROWS = 50  # single rows that are timed; their median counts


def _silent(what: str, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Trained:
    """What a training did."""

    forecast: str
    source: str
    as_of: datetime
    model: str
    version: int
    verdict: str  # promoted, kept or refused
    decision: Decision
    comparison: Comparison
    snapshot: int

    def summary(self) -> str:
        lines = [
            f"{self.forecast} on {self.source}, as of {self.as_of:%Y-%m-%d %H:%M} UTC: "
            f"{self.verdict} {self.model} version {self.version}",
            self.decision.reason,
        ]
        for place, one in enumerate(self.comparison.ranking, 1):
            told = one.failure or (
                f"macro F1 {one.metrics.macro_f1:.4f}, accuracy {one.metrics.accuracy:.4f}, "
                f"{one.seconds:.1f} s"
                if one.metrics
                else ""
            )
            lines.append(f"{place}. {one.name}: {told}")
        return "\n".join(lines)


def model_name(forecast: Forecast) -> str:
    return f"{forecast.name}.{forecast.label.name}"


def training_rows(view: View, forecast: Forecast, source: str, as_of: datetime) -> Rows:
    """What was known at `as_of`: bars closed by then, and outcomes settled by then."""
    features = ", ".join(f'"{name}"' for name in forecast.feature_names)
    found = view.sql(
        f"""SELECT symbol, closes_at, known_at, session, place, outcome, {features}
            FROM {forecast.table.full_name}
            WHERE source = ? AND known_at <= ? ORDER BY closes_at, symbol""",
        [source, as_of],
    )
    if found.num_rows == 0:
        raise InvalidRequest(
            f"{source} has no bars of {forecast.name} with an outcome known at {as_of}",
            f"bullion ingest --source {source} --universe {forecast.universe} "
            f"--interval {forecast.interval}",
        )
    codes = {symbol: code for code, symbol in enumerate(forecast.symbols)}
    symbol = np.array([codes[name] for name in found["symbol"].to_pylist()], dtype=np.int64)
    columns = [found[name].to_numpy() for name in forecast.feature_names]
    return Rows(
        features=np.column_stack([*columns, symbol]).astype(np.float32),
        outcome=found["outcome"].to_numpy(),
        symbol=symbol,
        closes_at=found["closes_at"].to_numpy().astype("datetime64[us]"),
        known_at=found["known_at"].to_numpy().astype("datetime64[us]"),
        session=found["session"].to_numpy().astype("datetime64[D]"),
        place=found["place"].to_numpy().astype(np.int64),
    )


def train(
    lake: Lake,
    registry: Registry,
    forecast: Forecast,
    source: str,
    *,
    as_of: datetime | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Trained:
    """Compare the candidates as of an instant, register the winner, promote it or say why not.

    Everything is read from one snapshot, whose number is kept with the model. An older `as_of`
    never replaces a newer model.
    """
    as_of = min(as_of or datetime.now(UTC), datetime.now(UTC))
    progress("features", 0, 1)
    refresh_features(lake, forecast, source)
    with lake.view() as view:
        rows, snapshot = training_rows(view, forecast, source, as_of), view.snapshot
    found = compare(
        rows,
        forecast.label,
        forecast.candidates,
        forecast.split,
        seed,
        progress,
        names=forecast.feature_names,
    )
    body = to_onnx(found.winner, _description(forecast, found))
    scorer = OnnxScorer(body)
    held = registry.holder(model_name(forecast), PRODUCTION)
    evidence = _evidence(forecast, found, body, scorer, seed, _champion(registry, held, found))
    decision = judge_all(forecast.gates, evidence)
    tags = {
        "forecast": forecast.name,
        "source": source,
        "as_of": as_of.isoformat(),
        "snapshot": snapshot,
        "definition": forecast.definition,
        "seed": seed,
    }
    progress("register", 0, 1)
    run_id = keep_runs(registry, forecast.name, found, decision, tags)
    version = registry.register(
        model_name(forecast),
        body,
        run_id,
        tags | {"proven": decision.promote, "reason": decision.reason[:4000]},
    )
    verdict = _verdict(decision, held, as_of)
    # The decision is written first: no alias ever stands that no decision explains.
    _record(lake, forecast, source, as_of, snapshot, found, decision, version, verdict)
    if verdict == "promoted":
        registry.point(version.name, PRODUCTION, version.version)
    return Trained(
        forecast.name,
        source,
        as_of,
        version.name,
        version.version,
        verdict,
        decision,
        found,
        snapshot,
    )


def _verdict(decision: Decision, held: Version | None, as_of: datetime) -> str:
    if not decision.promote:
        return "refused"
    newer = held is not None and datetime.fromisoformat(held.tags["as_of"]) > as_of
    return "kept" if newer else "promoted"


def _description(forecast: Forecast, found: Comparison) -> Description:
    trained = {forecast.symbols[code] for code in found.symbols}
    return Description(
        classes=forecast.label.classes,
        features=forecast.feature_names,
        symbols=forecast.symbols,
        thresholds=found.thresholds,
        shares=found.shares,
        untrained=tuple(symbol for symbol in forecast.symbols if symbol not in trained),
        more={"forecast": forecast.name, "definition": forecast.definition},
    )


def _champion(registry: Registry, held: Version | None, found: Comparison) -> np.ndarray | None:
    """The champion's probabilities on the judging rows, or None while there is none."""
    if held is None:
        return None
    champion = OnnxScorer(registry.load(held.name, held.version).body, held.sha256)
    return champion.probabilities(found.judging.rows.features)


def _evidence(
    forecast: Forecast,
    found: Comparison,
    body: bytes,
    scorer: OnnxScorer,
    seed: int,
    champion: np.ndarray | None,
) -> Evidence:
    features = np.concatenate([found.selection.rows.features, found.judging.rows.features])
    taken = []
    for row in features[:LATENCY_ROWS]:
        start = time.perf_counter()
        scorer.probabilities(row[None, :])
        taken.append(time.perf_counter() - start)
    return Evidence(
        judging=found.judging.rows,
        classes=found.judging.classes,
        probabilities=found.probabilities,
        predicted=found.predicted,
        scores=forecast.label.scores,
        training=found.training.rows,
        training_classes=found.training.classes,
        feature_names=forecast.feature_names,
        training_f1=found.training_metrics.macro_f1,
        selection_f1=found.selection_metrics.macro_f1,
        onnx=body,
        parity=parity(scorer, found.winner, features),
        training_seconds=found.seconds,
        latency_seconds=float(np.median(taken)),
        champion=champion,
        seed=seed,
    )


def _record(
    lake: Lake,
    forecast: Forecast,
    source: str,
    as_of: datetime,
    snapshot: int,
    found: Comparison,
    decision: Decision,
    version: Version,
    verdict: str,
) -> None:
    """The decision, the ranking and the kept snapshot, in one commit."""
    now = datetime.now(UTC)
    about = {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": source,
        "as_of": as_of,
        "model_version": version.version,
    }
    gates = [
        {
            "gate": v.name,
            "passed": bool(v.passed),
            "blocking": v.blocking,
            "value": _number(v.value),
            "low": _number(v.low),
            "high": _number(v.high),
            "limit": _number(v.limit),
            "reason": v.reason,
        }
        for v in decision.verdicts
    ]
    decided = about | {
        "verdict": verdict,
        "proven": decision.promote,
        "reason": decision.reason,
        "gates": json.dumps(gates),
        "snapshot": snapshot,
        "definition": forecast.definition,
        "decided_at": now,
    }
    ranking = [
        about
        | {
            "rank": place,
            "candidate": one.name,
            "macro_f1": one.metrics.macro_f1 if one.metrics else None,
            "accuracy": one.metrics.accuracy if one.metrics else None,
            "log_loss": one.metrics.log_loss if one.metrics else None,
            "rank_ic": one.metrics.rank_ic if one.metrics else None,
            "seconds": one.seconds,
            "failure": one.failure or None,
        }
        for place, one in enumerate(found.ranking, 1)
    ]
    kept = {"snapshot": snapshot, "reason": f"{version.name} {version.version}", "kept_at": now}
    with lake.write(f"train {forecast.name}") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([decided]))
        writer.append("gold.model_rankings", pa.Table.from_pylist(ranking))
        writer.append("meta.kept_snapshots", pa.Table.from_pylist([kept]))


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
