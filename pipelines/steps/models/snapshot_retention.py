"""Retention of the snapshots that models were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipelines.lake import Lake, View
from pipelines.registry.decisions import TRAINED

CHAMPIONS = 10  # the newest ones, whose snapshots are retained

DecisionRow = tuple[int, str, datetime, datetime]  # version, verdict, as_of, decided_at


def release_snapshots(lake: Lake) -> list[str]:
    """Release the snapshots of models that are neither the newest nor among the last ten champions.

    This reads the decisions alone, and needs no MLflow. `bullion compact` may then expire the
    snapshots.
    """
    with lake.write("release snapshots") as writer:
        targets = writer.rows(
            """SELECT DISTINCT forecast, target, source FROM gold.model_decisions
               ORDER BY ALL"""
        )
        known, retained = set[str](), set[str]()
        for forecast, target, source in targets:
            rows = _decisions_of(writer, forecast, target, source)
            known |= {f"{forecast}.{target} {version}" for version, _, _, _ in rows}
            retained |= {f"{forecast}.{target} {version}" for version in _retained_versions(rows)}
        released = writer.rows(
            "SELECT DISTINCT reason FROM meta.kept_snapshots WHERE reason IN (SELECT unnest(?))",
            [sorted(known - retained)],
        )
        reasons = sorted(reason for (reason,) in released)
        if reasons:
            writer.delete("meta.kept_snapshots", "reason IN (SELECT unnest(?))", [reasons])
        return reasons


def _decisions_of(view: View, forecast: str, target: str, source: str) -> list[DecisionRow]:
    """Read the decisions in the order in which they take effect, of undeclared forecasts too."""
    rows = view.rows(
        """SELECT model_version, verdict, as_of, decided_at FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ?
           ORDER BY as_of, decided_at, verdict = 'promoted', model_version""",
        [forecast, target, source],
    )
    return [(int(version), verdict, as_of, at) for version, verdict, as_of, at in rows]


def _retained_versions(rows: Sequence[DecisionRow]) -> set[int]:
    """The last champions, and the newest trained by as_of and by time of decision."""
    first: dict[int, DecisionRow] = {}  # each training's own decision, not later ones by hand
    for row in sorted(rows, key=lambda row: row[3]):
        if row[1] in TRAINED:
            first.setdefault(row[0], row)
    trainings = list(first.values())
    champions = list(dict.fromkeys(row[0] for row in reversed(rows) if row[1] == "promoted"))
    newest = {max(trainings, key=lambda row: row[key])[0] for key in (2, 3)} if trainings else set()
    return {*champions[:CHAMPIONS], *newest}
