"""Reports on drift without their plots, which take most of the time of a small training."""

from __future__ import annotations

import pytest

from pipelines.gates import drift


def leave_out_plots(patch: pytest.MonkeyPatch) -> None:
    """Measure drift with Evidently as ever, and draw nothing; tests/gates/test_drift.py draws."""
    measure = drift._measure_distances

    def measure_without_plots(evidence: drift.Evidence, how: drift.Measure) -> drift.Distances:
        from evidently.metrics.column_statistics import ValueDriftCalculation

        with pytest.MonkeyPatch.context() as inner_patch:
            inner_patch.setattr(ValueDriftCalculation, "_render", lambda *_: [])
            return measure(evidence, how)

    patch.setattr(drift, "_measure_distances", measure_without_plots)
