"""What the newest training of a target decided: the verdict, each gate, and the ranking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.contracts.evidence import MODEL_RANKINGS
from pipelines.forecasts import TargetForecast
from pipelines.lake import View
from pipelines.registry.decisions import TRAINED

DECISION = ("model_version", "verdict", "proven", "candidate", "reason", "gates")
FIGURES = tuple(
    column.name for column in MODEL_RANKINGS.columns if column.type == "DOUBLE"
)  # accuracy, roc_auc, rmse, seconds, ...


@dataclass(frozen=True)
class NewestTraining:
    """A training's decision, with its gates and its ranking."""

    decision: dict[str, Any]
    gates: Sequence[dict[str, Any]]
    ranking: Sequence[dict[str, Any]]

    def describe(self) -> str:
        """Say it in lines: the verdict, a line a gate, a line a candidate."""
        decision = self.decision
        lines = [
            f"version {decision['model_version']} ({decision['candidate']}): {decision['verdict']}",
            decision["reason"],
        ]
        for gate in self.gates:
            kind = "" if gate["blocking"] else " (warns)"
            state = "passed" if gate["passed"] else "failed"
            lines.append(f"gate {gate['gate']}{kind}: {state}; {gate['reason']}")
        for row in self.ranking:
            figures = ", ".join(
                f"{name} {row[name]:.4g}" for name in FIGURES if row[name] is not None
            )
            lines.append(f"{row['rank']}. {row['candidate']}: {row['failure'] or figures}")
        return "\n".join(lines)


def read_newest_training(
    view: View, forecast: TargetForecast, source: str
) -> NewestTraining | None:
    """Read what the training that was decided last said; None where there is none."""
    key = [forecast.name, forecast.label.name, source]
    decisions = view.rows(
        f"""SELECT {", ".join(DECISION)} FROM gold.model_decisions
            WHERE forecast = ? AND target = ? AND source = ?
              AND verdict IN (SELECT unnest(?)) AND gates IS NOT NULL
            ORDER BY decided_at DESC, model_version DESC LIMIT 1""",
        [*key, list(TRAINED)],
    )
    if not decisions:
        return None
    decision = dict(zip(DECISION, decisions[0], strict=True))
    gates = json.loads(decision.pop("gates"))
    columns = ("rank", "candidate", "failure", *FIGURES)
    ranking = view.rows(
        f"""SELECT {", ".join(columns)} FROM gold.model_rankings
            WHERE forecast = ? AND target = ? AND source = ? AND model_version = ?
            ORDER BY as_of DESC, rank""",
        [*key, decision["model_version"]],
    )
    rows = [dict(zip(columns, row, strict=True)) for row in ranking]
    return NewestTraining(decision, gates, rows)
