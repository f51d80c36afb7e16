"""Snapshots of models: which are kept, and which may be expired."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipelines.lake import Lake, View
from pipelines.registry.decisions import TRAINED

CHAMPIONS = 10  # whose snapshots are kept

Row = tuple[int, str, datetime, datetime]  # version, verdict, as_of, decided_at


def release_snapshots(lake: Lake) -> list[str]:
    """Let snapshots go whose model is neither Staging, Production nor of the last ten champions.

    Models are told from the decisions alone, so that MLflow need not be there. `bullion compact`
    may then expire the snapshots.
    """
    with lake.write("release snapshots") as writer:
        found = writer.rows(
            """SELECT DISTINCT forecast, target, source FROM gold.model_decisions
               ORDER BY ALL"""
        )
        known, kept = set[str](), set[str]()
        for forecast, target, source in found:
            rows = _decisions_of(writer, forecast, target, source)
            known |= {f"{forecast}.{target} {version}" for version, _, _, _ in rows}
            kept |= {f"{forecast}.{target} {version}" for version in _kept(rows)}
        gone = writer.rows(
            "SELECT DISTINCT reason FROM meta.kept_snapshots WHERE reason IN (SELECT unnest(?))",
            [sorted(known - kept)],
        )
        reasons = sorted(reason for (reason,) in gone)
        if reasons:
            writer.delete("meta.kept_snapshots", "reason IN (SELECT unnest(?))", [reasons])
        return reasons


def _decisions_of(view: View, forecast: str, target: str, source: str) -> list[Row]:
    """In the order in which they take effect; of forecasts no longer declared, too."""
    found = view.rows(
        """SELECT model_version, verdict, as_of, decided_at FROM gold.model_decisions
           WHERE forecast = ? AND target = ? AND source = ?
           ORDER BY as_of, decided_at, verdict = 'promoted', model_version""",
        [forecast, target, source],
    )
    return [(int(version), verdict, as_of, at) for version, verdict, as_of, at in found]


def _kept(rows: Sequence[Row]) -> set[int]:
    first: dict[int, Row] = {}  # what each training decided; moves by hand came later
    for row in sorted(rows, key=lambda row: row[3]):
        if row[1] in TRAINED:
            first.setdefault(row[0], row)
    trained = list(first.values())
    champions = list(dict.fromkeys(row[0] for row in reversed(rows) if row[1] == "promoted"))
    newest = {max(trained, key=lambda row: row[key])[0] for key in (2, 3)} if trained else set()
    return {*champions[:CHAMPIONS], *newest}
