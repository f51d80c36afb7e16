"""Live signals of an index with what the index did next, for the gate of the WSS."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from pipelines.gates import Evidence, IndexEvidence
from pipelines.modeling.metrics import rank_ic


@dataclass(frozen=True)
class LiveSignals:
    """Live signals whose bar has been followed by another, in ascending order of close."""

    universe: np.ndarray  # text
    version: np.ndarray  # int: the version of the model
    closes_at: np.ndarray
    session: np.ndarray  # datetime64[D]
    wss: np.ndarray
    expected_wss: np.ndarray  # NaN in rows of older releases
    next_return: np.ndarray

    def __len__(self) -> int:
        return len(self.wss)

    def take(self, which: np.ndarray) -> LiveSignals:
        return LiveSignals(*(getattr(self, field.name)[which] for field in fields(self)))

    @property
    def session_days(self) -> np.ndarray:
        """The days of its sessions, oldest first."""
        return np.unique(self.session)

    @property
    def sessions(self) -> int:
        return len(self.session_days)

    @property
    def judged(self) -> LiveSignals:
        """The signals that can be judged."""
        return self.take(np.isfinite(self.next_return))

    @property
    def constant(self) -> str:
        """What is the same in all rows, so that nothing can be ranked; empty where nothing is."""
        if len(self) and np.ptp(self.next_return) == 0:
            return "outcome"
        return "" if len(self) and np.ptp(np.round(self.wss, 9)) > 0 else "prediction"

    def of_days(self, days: np.ndarray) -> LiveSignals:
        return self.take(np.isin(self.session, days))

    def newest(self, sessions: int) -> LiveSignals:
        """The signals of the last sessions."""
        return self.of_days(self.session_days[-sessions:])

    def add_to(self, evidence: Evidence) -> Evidence:
        """Return the evidence with these signals, by universe."""
        indexes = []
        for name in np.unique(self.universe).tolist():
            signals = self.take(self.universe == name)
            indexes.append(
                IndexEvidence(
                    name,
                    signals.wss,
                    signals.expected_wss,
                    signals.next_return,
                    signals.session,
                )
            )
        return replace(evidence, indexes=tuple(indexes))

    def figures(self) -> dict[str, float | int | None]:
        """Measure how the WSS of each universe ranked what the index did next."""
        figures: dict[str, float | int | None] = {}
        for name in np.unique(self.universe).tolist():
            signals = self.take((self.universe == name) & np.isfinite(self.next_return))
            figures[f"signals_{name}"] = len(signals)
            for column in ("wss", "expected_wss"):
                scores = getattr(signals, column)
                is_known = np.isfinite(scores)
                figures[f"{column}_rank_ic_{name}"] = (
                    rank_ic(scores[is_known], signals.next_return[is_known])
                    if is_known.sum() > 1
                    else None
                )
        return figures
