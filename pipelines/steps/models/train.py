"""Training: compare candidates on one snapshot, register the winner, record the gates' decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.instants import from_numpy
from pipelines.core.progress import Progress, no_progress
from pipelines.core.universes import MemberCount
from pipelines.forecasts import TargetForecast
from pipelines.forecasts.description import describe_model
from pipelines.gates import Decision, NoWorseThanChampion, judge_all
from pipelines.gates.collect import collect_evidence
from pipelines.lake import Lake
from pipelines.modeling.artefacts import measure_importances
from pipelines.modeling.compare import compare
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.evidence_rows import EvidenceRow, importance_rows
from pipelines.modeling.forms import (
    check_challengers,
    convert_candidates,
)
from pipelines.modeling.kinds import kind_of
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import OnnxScorer
from pipelines.registry.decisions import (
    ModelDecision,
    champion_at,
    newest_version,
    read_decisions,
)
from pipelines.registry.mlflow import ModelVersion, Registry, model_name
from pipelines.registry.runs import log_comparison
from pipelines.scoring.index_evidence import add_index_evidence
from pipelines.steps.data.features import refresh_features
from pipelines.steps.data.missing_inputs import describe_missing_inputs
from pipelines.steps.data.rows import count_row_members, read_training_rows
from pipelines.steps.models.aliases import move_production_alias, reconcile
from pipelines.steps.models.index_bars import read_index_bars
from pipelines.steps.models.shortage import check_enough_bars
from pipelines.steps.models.snapshot_retention import release_snapshots

# The figures of a candidate that are columns of gold.model_rankings.
RANKING_FIGURES = (
    "macro_f1",
    "accuracy",
    "precision",
    "recall",
    "roc_auc",
    "rmse",
    "mae",
    "r2",
    "hit_rate",
    "rank_ic",
    "log_loss",
)


@dataclass(frozen=True)
class TrainingReport:
    """What a training did."""

    forecast: str
    source: str
    as_of: datetime
    model: str
    version: int
    verdict: str  # promoted, kept or refused
    candidate: str  # the registered one: the winner, or the baseline where the winner was refused
    decision: Decision
    comparison: Comparison
    snapshot: int
    members: MemberCount
    missing_inputs: list[str]  # what features read beside the bars and did not find, in words

    def summary(self) -> str:
        lines = [
            f"{self.forecast} on {self.source}, as of {self.as_of:%Y-%m-%d %H:%M} UTC: "
            f"{self.verdict} {self.model} version {self.version}",
            self.decision.reason,
            self.members.describe(),
            *(f"warning: {sentence}" for sentence in self.missing_inputs),
        ]
        for place, result in enumerate(self.comparison.ranking, 1):
            figures = [
                f"{name} {result.figures[name]:.4f}"
                for name in RANKING_FIGURES
                if name in result.figures
            ]
            if result.aucs is not None and result.aucs.out_of_time is not None:
                figures.append(f"auc out of time {result.aucs.out_of_time:.4f}")
            text = result.failure or ", ".join([*figures, f"{result.seconds:.1f} s"])
            text += f"; not chosen: {result.objection}" if result.objection else ""
            lines.append(f"{place}. {result.name}: {text}")
        return "\n".join(lines)


def train(
    lake: Lake,
    registry: Registry,
    forecast: TargetForecast,
    source: str,
    *,
    as_of: datetime | None = None,
    seed: int = 0,
    promote: bool = True,
    progress: Progress = no_progress,
) -> TrainingReport:
    """Compare the candidates as of an instant, register the winner, and promote it or say why not.

    Everything is read from one snapshot, whose number is recorded with the model. The winner is
    compared with the champion of that instant. A training as of an older instant is recorded as any
    other, and serves the bars of its own time, but moves no alias back. Without `promote` the alias
    stays where it is until `reconcile` lets it follow.
    """
    as_of = min(as_of or datetime.now(UTC), datetime.now(UTC))
    progress("features", 0, 1)
    reconcile(lake, registry, forecast, source)
    refresh_features(lake, forecast.forecast, source)
    with lake.view() as view:
        rows, snapshot = read_training_rows(view, forecast, source, as_of), view.snapshot
        decisions, highest = read_decisions(view, forecast, source), newest_version(view, forecast)
        first_close = from_numpy(rows.closes_at.min()) - timedelta(microseconds=1)
        index_bars = read_index_bars(view, forecast, source, first_close, as_of)
        missing_inputs = describe_missing_inputs(
            view, forecast.forecast, source, first_close, as_of
        )
    check_enough_bars(forecast, source, rows)
    try:
        comparison = compare(
            rows,
            forecast.label,
            forecast.candidates,
            forecast.split,
            seed,
            progress,
            names=forecast.feature_names,
            flags=forecast.forecast.flags,
            rule=forecast.target.rule,
            selection=forecast.target.selection,
        )
    except InvalidRequest as error:
        raise InvalidRequest("; ".join([error.message, *missing_inputs]), error.hint) from error
    description = describe_model(forecast, comparison)
    body = to_onnx(comparison.winner, description)
    onnx_forms = convert_candidates(comparison, description)
    challenger_names = [name for name in forecast.challengers if name != comparison.ranking[0].name]
    challenger_forms = check_challengers(comparison, challenger_names, onnx_forms)
    champion, champion_problem = _load_champion(registry, forecast, champion_at(decisions, as_of))
    evidence = collect_evidence(comparison, body, OnnxScorer(body), champion, seed)
    evidence = add_index_evidence(evidence, forecast.symbols, index_bars, forecast.label.kind)
    is_recent = rows.closes_at >= comparison.judging.rows.closes_at.min()
    decision = judge_all(forecast.gates, replace(evidence, recent=rows.features[is_recent]))
    if champion_problem:
        decision = replace(decision, reason=f"{decision.reason}; {champion_problem}")
    tags = {
        "forecast": forecast.name,
        "source": source,
        "as_of": as_of.isoformat(),
        "snapshot": snapshot,
        "definition": forecast.model_fingerprint,
        "seed": seed,
    }
    verdict, candidate = _verdict(decision), comparison.ranking[0].name
    baseline = forecast.target.baseline if verdict == "refused" else ""
    if baseline and onnx_forms[baseline].body:
        body, candidate = onnx_forms[baseline].body, baseline
        decision = replace(decision, reason=f"{decision.reason}; the baseline {candidate} serves")
    importances = measure_importances(comparison, onnx_forms[comparison.ranking[0].name])
    evidence_rows = [
        *kind_of(forecast.label).evidence_rows(
            forecast.label, evidence.truth, evidence.outputs, evidence.published_predictions
        ),
        *importance_rows(importances),
    ]
    progress("register", 0, 1)
    run_id = log_comparison(
        registry,
        forecast.name,
        comparison,
        decision,
        tags,
        forms=onnx_forms,
        challengers=challenger_forms,
        importances=importances,
    )
    version = registry.register(
        model_name(forecast),
        body,
        run_id,
        tags | {"proven": decision.promote, "reason": decision.reason[:4000]},
        staging=not any(row.as_of > as_of for row in decisions),
        above=highest,
    )
    for model_file in (body, *(form.body for form in challenger_forms.values() if form.body)):
        registry.cache_model(model_file)
    report = TrainingReport(
        forecast.name,
        source,
        as_of,
        version.name,
        version.version,
        verdict,
        candidate,
        decision,
        comparison,
        snapshot,
        count_row_members(forecast, rows),
        missing_inputs,
    )
    # The decision is written first, so that every alias is explained by a decision.
    digests = {name: form.sha256 for name, form in challenger_forms.items() if form.body}
    _record(lake, forecast, report, version, digests, evidence_rows)
    if promote:
        move_production_alias(lake, registry, forecast, source)
        release_snapshots(lake)
    return report


def _verdict(decision: Decision) -> str:
    """Promoted, refused, or kept: the winner is sound, but the champion is better and stays."""
    failed = {v.name for v in decision.verdicts if v.blocking and not v.passed}
    if decision.promote:
        return "promoted"
    return "kept" if failed == {NoWorseThanChampion.name} else "refused"


def _load_champion(
    registry: Registry, forecast: TargetForecast, decision: ModelDecision | None
) -> tuple[OnnxScorer | None, str]:
    """Load the champion to judge it on the same rows; None and the reason where that is impossible.

    A champion of another definition reads other features, and one that is lost or damaged cannot
    serve: neither can keep its place.
    """
    if decision is None:
        return None, ""
    champion = f"the champion, version {decision.model_version},"
    if decision.definition != forecast.model_fingerprint:
        return None, f"{champion} reads other features, and was not met"
    try:
        body = registry.read_model(model_name(forecast), decision.model_version, decision.sha256)
        return OnnxScorer(body, decision.sha256), ""
    except BullionError as error:
        return None, f"{champion} cannot be loaded, and was not met: {error.message}"


def _record(
    lake: Lake,
    forecast: TargetForecast,
    report: TrainingReport,
    version: ModelVersion,
    challenger_digests: dict[str, str],
    evidence_rows: Sequence[EvidenceRow],
) -> None:
    """Write the decision, the ranking, the evidence and the retained snapshot in one commit."""
    now = datetime.now(UTC)
    decision, ranking = report.decision, report.comparison.ranking
    keys = {
        "forecast": forecast.name,
        "target": forecast.label.name,
        "source": report.source,
        "as_of": report.as_of,
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
    decision_row = keys | {
        "verdict": report.verdict,
        "proven": decision.promote,
        "reason": decision.reason,
        "gates": json.dumps(gates),
        "snapshot": report.snapshot,
        "definition": forecast.model_fingerprint,
        "candidate": report.candidate,
        "sha256": version.sha256,
        "challengers": json.dumps(challenger_digests),
        "run_id": version.run_id,
        "decided_at": now,
    }
    ranking_rows = [
        keys
        | {
            "rank": place,
            "candidate": result.name,
            "sha256": version.sha256,
            **{name: result.figures.get(name) for name in RANKING_FIGURES},
            **_auc_columns(result),
            "feature_count": len(result.features) or None,
            "seconds": result.seconds,
            "objection": result.objection or None,
            "failure": result.failure or None,
        }
        for place, result in enumerate(ranking, 1)
    ]
    keys_of_winner = keys | {"sha256": version.sha256, "candidate": ranking[0].name}
    model_evidence = [keys_of_winner | asdict(row) for row in evidence_rows]
    snapshot_row = {
        "snapshot": report.snapshot,
        "reason": f"{version.name} {version.version}",
        "kept_at": now,
    }
    with lake.write(f"train {forecast.name}") as writer:
        writer.append("gold.model_decisions", pa.Table.from_pylist([decision_row]))
        writer.append("gold.model_rankings", pa.Table.from_pylist(ranking_rows))
        writer.append("gold.model_evidence", pa.Table.from_pylist(model_evidence))
        writer.append("meta.kept_snapshots", pa.Table.from_pylist([snapshot_row]))


def _auc_columns(result: Result) -> dict[str, float | None]:
    """The AUC of each part of time as columns of gold.model_rankings; none where it failed."""
    aucs = result.aucs
    if aucs is None:
        return {}
    return {
        "train_auc": aucs.train,
        "validation_auc": aucs.validation,
        "test_auc": aucs.test,
        "out_of_time_auc": aucs.out_of_time,
        "auc_gap": aucs.gap,
    }


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
