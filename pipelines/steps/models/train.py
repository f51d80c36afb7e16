"""Training: candidates compared on one snapshot, the winner registered, the gates' word kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.description import describe_model
from pipelines.gates import Decision, NoWorseThanChampion, judge_all
from pipelines.gates.collect import collect_evidence
from pipelines.lake import Lake, View
from pipelines.modeling.compare import Comparison, compare
from pipelines.modeling.dataset import Rows
from pipelines.modeling.forms import check_challengers, convert_calibrated, convert_candidates
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import ModelDecision, decisions, newest_version, promoted
from pipelines.registry.mlflow import Registry, Version, model_name
from pipelines.registry.runs import keep_runs
from pipelines.steps.data.features import refresh_features
from pipelines.steps.models.aliases import follow, reconcile
from pipelines.steps.models.snapshot_retention import release_snapshots

Progress = Callable[[str, int, int], None]
# What gold.model_rankings has of a candidate's figures.
RANKED = ("macro_f1", "accuracy", "rmse", "mae", "r2", "hit_rate", "rank_ic", "log_loss")


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
    candidate: str  # that is registered: the winner, or the baseline where the winner was refused
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
            figures = [f"{name} {one.figures[name]:.4f}" for name in RANKED if name in one.figures]
            told = one.failure or ", ".join([*figures, f"{one.seconds:.1f} s"])
            lines.append(f"{place}. {one.name}: {told}")
        return "\n".join(lines)


def training_rows(
    view: View,
    forecast: TargetForecast,
    source: str,
    as_of: datetime,
    history: timedelta | None = None,
) -> Rows:
    """What was known at `as_of`: bars closed by then, and outcomes settled by then.

    No further back than `history`, which is the schedule's where none is given.
    """
    since = as_of - (history or forecast.schedule.history)
    features = ", ".join(f'"{name}"' for name in forecast.feature_names)
    known_at = forecast.target.known_at
    found = view.sql(
        f"""SELECT symbol, closes_at, {known_at} AS known_at, session, place,
                   {forecast.target.outcome} AS outcome, {features}
            FROM {forecast.table.full_name}
            WHERE source = ? AND {known_at} <= ? AND closes_at > ?
            ORDER BY closes_at, symbol""",
        [source, as_of, since],
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
    forecast: TargetForecast,
    source: str,
    *,
    as_of: datetime | None = None,
    seed: int = 0,
    progress: Progress = _silent,
) -> Trained:
    """Compare the candidates as of an instant, register the winner, promote it or say why not.

    Everything is read from one snapshot, whose number is kept with the model. The champion it
    meets is the one of that instant. A training as of an older instant is told as any other, and
    serves the bars of its own time, but moves no alias back.
    """
    as_of = min(as_of or datetime.now(UTC), datetime.now(UTC))
    progress("features", 0, 1)
    reconcile(lake, registry, forecast, source)
    refresh_features(lake, forecast.forecast, source)
    with lake.view() as view:
        rows, snapshot = training_rows(view, forecast, source, as_of), view.snapshot
        known, numbered = decisions(view, forecast, source), newest_version(view, forecast)
    found = compare(
        rows,
        forecast.label,
        forecast.candidates,
        forecast.split,
        seed,
        progress,
        names=forecast.feature_names,
    )
    description = describe_model(forecast, found)
    body = to_onnx(found.winner, description)
    kept = convert_candidates(found, description)
    others = [name for name in forecast.challengers if name != found.ranking[0].name]
    beside = check_challengers(found, others, kept)
    champion, lost = _champion(registry, forecast, promoted(known, as_of))
    shown = collect_evidence(found, body, OnnxScorer(body), champion, seed)
    judged_since = rows.closes_at >= found.judging.rows.closes_at.min()
    decision = judge_all(forecast.gates, replace(shown, recent=rows.features[judged_since]))
    if lost:
        decision = replace(decision, reason=f"{decision.reason}; {lost}")
    tags = {
        "forecast": forecast.name,
        "source": source,
        "as_of": as_of.isoformat(),
        "snapshot": snapshot,
        "definition": forecast.model_fingerprint,
        "seed": seed,
    }
    verdict, serves, baseline = _verdict(decision), found.ranking[0].name, forecast.target.baseline
    if (
        verdict == "refused"
        and baseline
        and (made := convert_calibrated(found, baseline, description))
    ):
        body, serves = made, baseline
        decision = replace(decision, reason=f"{decision.reason}; the baseline {serves} serves")
    progress("register", 0, 1)
    run_id = keep_runs(
        registry, forecast.name, found, decision, tags, forms=kept, challengers=beside
    )
    version = registry.register(
        model_name(forecast),
        body,
        run_id,
        tags | {"proven": decision.promote, "reason": decision.reason[:4000]},
        staging=not any(row.as_of > as_of for row in known),
        above=numbered,
    )
    for one in (body, *(form.body for form in beside.values() if form.body)):
        registry.keep(one)
    done = Trained(
        forecast.name,
        source,
        as_of,
        version.name,
        version.version,
        verdict,
        serves,
        decision,
        found,
        snapshot,
    )
    # The decision is written first: no alias ever stands that no decision explains.
    digests = {name: form.sha256 for name, form in beside.items() if form.body}
    _record(lake, forecast, done, version, digests)
    follow(lake, registry, forecast, source)
    release_snapshots(lake)
    return done


def _verdict(decision: Decision) -> str:
    """Kept: the champion is kept, because the winner, though sound, is not as good."""
    failed = {v.name for v in decision.verdicts if v.blocking and not v.passed}
    if decision.promote:
        return "promoted"
    return "kept" if failed == {NoWorseThanChampion.name} else "refused"


def _champion(
    registry: Registry, forecast: TargetForecast, held: ModelDecision | None
) -> tuple[OnnxScorer | None, str]:
    """The champion, to be met on the judging rows; None, and why, where it cannot be.

    One of another definition reads other features, and one that is lost or damaged serves no one:
    neither can keep its place.
    """
    if held is None:
        return None, ""
    told = f"the champion, version {held.model_version},"
    if held.definition != forecast.model_fingerprint:
        return None, f"{told} reads other features, and was not met"
    try:
        body = registry.model(model_name(forecast), held.model_version, held.sha256)
        return OnnxScorer(body, held.sha256), ""
    except BullionError as error:
        return None, f"{told} cannot be loaded, and was not met: {error.message}"


def _record(
    lake: Lake, forecast: TargetForecast, done: Trained, version: Version, beside: dict[str, str]
) -> None:
    """The decision, the ranking and the kept snapshot, in one commit."""
    now = datetime.now(UTC)
    decision, ranking = done.decision, done.comparison.ranking
    about = {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": done.source,
        "as_of": done.as_of,
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
        "verdict": done.verdict,
        "proven": decision.promote,
        "reason": decision.reason,
        "gates": json.dumps(gates),
        "snapshot": done.snapshot,
        "definition": forecast.model_fingerprint,
        "candidate": done.candidate,
        "sha256": version.sha256,
        "challengers": json.dumps(beside),
        "run_id": version.run_id,
        "decided_at": now,
    }
    ranked = [
        about
        | {
            "rank": place,
            "candidate": one.name,
            "sha256": version.sha256,
            **{name: one.figures.get(name) for name in RANKED},
            "seconds": one.seconds,
            "failure": one.failure or None,
        }
        for place, one in enumerate(ranking, 1)
    ]
    kept = {
        "snapshot": done.snapshot,
        "reason": f"{version.name} {version.version}",
        "kept_at": now,
    }
    with lake.write(f"train {forecast.name}") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([decided]))
        writer.append("gold.model_rankings", pa.Table.from_pylist(ranked))
        writer.append("meta.kept_snapshots", pa.Table.from_pylist([kept]))


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
