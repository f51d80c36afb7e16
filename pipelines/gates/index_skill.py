"""Gate of an index's signal: does the published WSS rank what the index did next?

A bar of an index is one row, where its members are ten or a hundred that move together. So there
are far fewer rows than for the actions, and the bound lies further below the estimate: see
IndexSkill for what that means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates.base import GateVerdict
from pipelines.gates.evidence import Evidence, IndexEvidence
from pipelines.gates.skill import RankIC, Sessions, check_sessions, judge_above_zero


@dataclass(frozen=True)
class IndexSkill:
    """Require a lower bound above zero for the rank IC of the published WSS with the next return.

    Its confidence is lower than that of the gates of direction, which hold noise back: over 350
    sessions a bound at 99 % lies 0.047 below the estimate, and one at 80 % 0.017.

    Of several universes the weakest decides. Where no weights were known at any judged bar there
    is no signal to judge, and the gate passes: none would have been published.
    """

    confidence: float = 0.8
    resamples: int = 2000
    blocking: bool = True
    name: str = "skill_index"

    def judge(self, evidence: Evidence) -> GateVerdict:
        indexes = [index for index in evidence.indexes if len(index.wss)]
        if not indexes:
            reason = "no weights were known at any judged bar: no signal would have been published"
            return GateVerdict(self.name, True, 0.0, 0.0, self.blocking, reason)
        verdicts = [self._judge_index(index, evidence.seed) for index in indexes]
        weakest = min(verdicts, key=lambda verdict: (verdict.passed, verdict.low or 0.0))
        reasons = "; ".join(verdict.reason for verdict in verdicts)
        return GateVerdict(
            self.name,
            weakest.passed,
            weakest.value,
            0.0,
            self.blocking,
            reasons,
            weakest.low,
            weakest.high,
        )

    def _judge_index(self, index: IndexEvidence, seed: int) -> GateVerdict:
        if not np.isfinite(index.next_return).all():
            raise InvalidRequest(
                f"bars of {index.universe} have no next return", "leave them out of the evidence"
            )
        of_row = np.unique(index.session, return_inverse=True)[1]
        sessions = check_sessions(Sessions(of_row, self.resamples, seed, self.confidence))
        ic = RankIC(index.wss, index.next_return, sessions)
        if ic.constant:
            reason = f"the WSS of {index.universe} is the same at all bars"
            return GateVerdict(self.name, False, 0.0, 0.0, self.blocking, reason)
        expected_ic = RankIC(index.expected_wss, index.next_return, sessions)
        finding = (
            f"rank IC of the WSS of {index.universe} {ic.value:.4f} (of the expected WSS"
            f" {expected_ic.value:.4f}) over {sessions.count} sessions and {len(index.wss):,} bars"
        )
        return judge_above_zero(self, ic, sessions, finding)
