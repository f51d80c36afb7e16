"""Read what the lake has of one version of a model: its decision, gates, ranking and evidence."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from pipelines.contracts.gold import MODEL_DECISIONS
from pipelines.gates.base import find_needed_side
from pipelines.lake import View
from serving.schemas.answers import Page
from serving.schemas.errors import NotFound
from serving.schemas.evidence import DriftRow, EvidenceRow, GateRow, OfModel
from serving.schemas.scoring import CandidateRank
from serving.state.answers import Row

MODEL_FIELDS = tuple(
    name
    for name in OfModel.model_fields
    if name not in Page.model_fields and name in MODEL_DECISIONS.column_names
)
NUMBERS = ("value", "low", "high", "limit")
GATE_SCHEMA = pa.schema(
    [
        ("gate", pa.string()),
        ("passed", pa.bool_()),
        ("blocking", pa.bool_()),
        *[(name, pa.float64()) for name in NUMBERS],
        ("needs", pa.string()),
        ("reason", pa.string()),
    ]
)
assert set(GATE_SCHEMA.names) == set(GateRow.model_fields)

Key = tuple[str, str, str, int]  # forecast, target, source, version
OF_VERSION = "forecast = ? AND target = ? AND source = ? AND model_version = ?"


def read_training_decision(view: View, key: Key) -> Row:
    """Read the decision that the training of a version wrote; raise where there is no such version.

    A decision by hand copies the gates, and comes later.
    """
    rows = view.sql(
        f"""SELECT {", ".join(MODEL_FIELDS)}, sha256, gates FROM gold.model_decisions
            WHERE {OF_VERSION} ORDER BY decided_at LIMIT 1""",
        list(key),
    ).to_pylist()
    if not rows:
        forecast, target, source, version = key
        raise NotFound(
            f"{forecast} has no version {version} of {target} that was trained on {source}",
            f"GET /forecasts/{forecast}/decisions lists the versions",
        )
    decision: Row = rows[0]
    return decision


def gate_table(gates: str) -> pa.Table:
    """Return the verdicts of a decision, which are JSON, as rows."""
    return pa.Table.from_pylist([_gate_row(verdict) for verdict in json.loads(gates)], GATE_SCHEMA)


def _gate_row(verdict: dict[str, Any]) -> Row:
    passed = bool(verdict.get("passed"))
    numbers = {name: verdict.get(name) for name in NUMBERS}
    side = find_needed_side(passed, numbers["value"], numbers["limit"], numbers["low"])
    return {
        "gate": verdict.get("gate", ""),
        "passed": passed,
        "blocking": bool(verdict.get("blocking", True)),
        **numbers,
        "needs": side,
        "reason": verdict.get("reason", ""),
    }


def read_evidence(
    view: View, key: Key, sha256: str, kind: str | None, top: int
) -> tuple[pa.Table, str | None]:
    """Read the evidence of a version, and which candidate it is of.

    Without a kind all kinds are read; of the importances, the `top` greatest.
    """
    names = ", ".join(EvidenceRow.model_fields)
    rows = view.sql(
        f"""SELECT {names}, candidate FROM gold.model_evidence
            WHERE {OF_VERSION} AND sha256 = ? AND evidence = coalesce(?, evidence)
              AND (evidence <> 'importance' OR place <= ?)
            ORDER BY evidence, CASE WHEN evidence = 'importance' THEN place END, name, place""",
        [*key, sha256, kind, top],
    )
    candidate = rows["candidate"][0].as_py() if rows.num_rows else None
    return rows.drop_columns(["candidate"]), candidate


def read_rankings(view: View, key: Key) -> pa.Table:
    """Read how the candidates of a version's training compared, the best first."""
    names = ", ".join(CandidateRank.model_fields)
    return view.sql(
        f"SELECT {names} FROM gold.model_rankings WHERE {OF_VERSION} ORDER BY rank", list(key)
    )


def read_drift(view: View, key: Key) -> pa.Table:
    """Read the newest drift of a version; features that cannot be compared come first."""
    names = ", ".join(DriftRow.model_fields)
    return view.sql(
        f"""SELECT {names} FROM gold.feature_drift WHERE {OF_VERSION}
            QUALIFY batch = max(batch) OVER () ORDER BY distance DESC NULLS FIRST, feature""",
        list(key),
    )
