"""Refit a registered model from the snapshot that it was trained on, and compare the files.

Only the candidate that was registered is fitted again: it depends on no other. Its gates are not
judged anew, as they speak of the stretches that every candidate was ranked on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pipelines.core.errors import BullionError, InvalidRequest, LakeError
from pipelines.core.progress import Progress, no_progress
from pipelines.forecasts import TargetForecast, forecast
from pipelines.forecasts.description import describe_model
from pipelines.lake import Lake
from pipelines.modeling.compare import compare
from pipelines.modeling.forms import convert_candidates
from pipelines.modeling.onnx import to_onnx
from pipelines.modeling.scorer import checksum
from pipelines.registry.mlflow import Registry, model_name
from pipelines.steps.data.rows import read_training_rows
from pipelines.steps.proof.differences import Difference
from pipelines.steps.proof.environments import (
    compare_environments,
    describe_now,
    describe_training,
    read_environment,
)
from pipelines.steps.proof.lineage import Lineage
from pipelines.steps.proof.reproduce import Reproduction

FORM = "FORECAST/TARGET@VERSION, such as nasdaq100_hourly/action@3"
COLUMNS = ("as_of", "snapshot", "candidate", "sha256", "definition", "run_id", "verdict")


@dataclass(frozen=True)
class ModelReference:
    """A version of the model of a forecast's target."""

    forecast: TargetForecast
    version: int


def parse_model(text: str) -> ModelReference:
    """Parse what a user types: a forecast, its target and a version."""
    name, _, number = text.partition("@")
    one, _, target = name.partition("/")
    if not target or not number.isdecimal() or not 0 < int(number) < 2**31:
        raise InvalidRequest(f"{text!r} names no model", f"write {FORM}")
    return ModelReference(forecast(one).target_forecast(target), int(number))


def refit(
    lake: Lake,
    registry: Registry,
    reference: ModelReference,
    source: str,
    progress: Progress = no_progress,
) -> Reproduction:
    """Fit the registered candidate again, from its snapshot and with its seed; compare the file."""
    declared, name = reference.forecast, model_name(reference.forecast)
    facts = _read_training(lake, reference, source)
    title = f"{name} version {reference.version}"
    if facts["definition"] != declared.model_fingerprint:
        raise InvalidRequest(
            f"{title} reads other features, or has another label, than {declared.name} has now",
            "check out the release that trained it, and ask again there",
        )
    seed = _read_seed(registry, name, reference.version)
    progress("read the snapshot", 0, 2)
    try:
        with lake.view(facts["snapshot"]) as view:
            rows = read_training_rows(view, declared, source, facts["as_of"])
    except LakeError as error:
        raise InvalidRequest(
            f"the snapshot {facts['snapshot']} that {title} was trained on cannot be read: "
            f"{error.message}",
            "the snapshots of the last ten champions and of the newest training are kept",
        ) from error
    progress(f"fit {facts['candidate']}", 1, 2)
    body = _fit(declared, rows, facts, seed)
    digest = checksum(body)
    tree = Lineage(title)
    now = [describe_now(), *describe_training(registry, facts["run_id"], title)]
    tree.add("code and libraries", now)
    tree.add(
        f"snapshot {facts['snapshot']}, as of {facts['as_of']:%Y-%m-%d %H:%M} UTC",
        [f"{len(rows):,} rows of {len(declared.feature_names)} features"],
    )
    tree.add(f"candidate {facts['candidate']}, seed {seed}", [f"verdict: {facts['verdict']}"])
    tree.add("file", [f"SHA-256 {digest}, {len(body):,} bytes"])
    if digest == facts["sha256"]:
        return Reproduction(tree, None)
    causes = compare_environments(read_environment(registry, facts["run_id"]))
    column = f"SHA-256 ({'; '.join(causes)})" if causes else "SHA-256 (all libraries are the same)"
    return Reproduction(tree, Difference(title, column, facts["sha256"], digest))


def _read_training(lake: Lake, reference: ModelReference, source: str) -> dict[str, Any]:
    """Read what the training decided, not a later decision by hand."""
    declared = reference.forecast
    rows = lake.rows(
        f"""SELECT {", ".join(COLUMNS)} FROM gold.model_decisions
            WHERE forecast = ? AND target = ? AND source = ? AND model_version = ?
            AND verdict <> 'withdrawn' ORDER BY decided_at LIMIT 1""",
        [declared.name, declared.target.name, source, reference.version],
    )
    if not rows:
        versions = lake.rows(
            """SELECT DISTINCT model_version FROM gold.model_decisions
               WHERE forecast = ? AND target = ? AND source = ? ORDER BY 1 DESC LIMIT 5""",
            [declared.name, declared.target.name, source],
        )
        listed = ", ".join(str(version) for (version,) in versions) or "none"
        raise InvalidRequest(
            f"{source} has no version {reference.version} of {model_name(declared)}",
            f"the newest are: {listed}",
        )
    return dict(zip(COLUMNS, rows[0], strict=True))


def _read_seed(registry: Registry, name: str, version: int) -> int:
    try:
        return int(registry.version(name, version).tags["seed"])
    except (BullionError, KeyError, ValueError) as error:
        raise InvalidRequest(
            f"the seed of {name} version {version} is not known: MLflow at {registry.uri} has no "
            f"record of its training",
            "set MLFLOW_TRACKING_URI to the store that it was trained with",
        ) from error


def _fit(declared: TargetForecast, rows: Any, facts: dict[str, Any], seed: int) -> bytes:
    """Fit one candidate as the training did, without the stretches that only gates judge."""
    candidates = [c for c in declared.candidates if c.name == facts["candidate"]]
    if not candidates:
        raise InvalidRequest(
            f"{declared.name} has no candidate {facts['candidate']} any more",
            "check out the release that trained it, and ask again there",
        )
    comparison = compare(
        rows,
        declared.label,
        candidates,
        replace(declared.split, folds=0, stretches=0),
        seed,
        names=declared.feature_names,
        flags=declared.forecast.flags,
        rule=declared.target.rule,
        selection=declared.target.selection,
    )
    description = describe_model(declared, comparison)
    if facts["verdict"] == "refused" and facts["candidate"] == declared.target.baseline:
        return convert_candidates(comparison, description)[facts["candidate"]].body
    return to_onnx(comparison.winner, description)
