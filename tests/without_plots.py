"""Trainings and reports on drift without what they draw, which takes most of a small one's time.

What is drawn is tested where it is drawn: tests/modeling/test_class_pictures.py and
test_value_pictures.py, tests/gates/test_drift.py; tests/registry/test_runs.py finds it as files.
"""

from __future__ import annotations

import pytest

from pipelines.gates import drift
from pipelines.modeling import class_pictures, value_pictures


def leave_out_plots(patch: pytest.MonkeyPatch) -> None:
    """Measure drift with Evidently as ever, and draw nothing."""
    measure = drift._measure_distances

    def measure_without_plots(evidence: drift.Evidence, how: drift.Measure) -> drift.Distances:
        from evidently.metrics.column_statistics import ValueDriftCalculation

        with pytest.MonkeyPatch.context() as inner_patch:
            inner_patch.setattr(ValueDriftCalculation, "_render", lambda *_: [])
            return measure(evidence, how)

    patch.setattr(drift, "_measure_distances", measure_without_plots)


def leave_out_pictures(patch: pytest.MonkeyPatch) -> None:
    """Train as ever, and draw neither the candidates' pictures nor the plots of drift."""
    for module in (class_pictures, value_pictures):
        patch.setattr(module, "draw_predictions", lambda *_: {"drawn.png": b"a picture"})
    patch.setattr(class_pictures, "importance", lambda *_: b"a picture")
    leave_out_plots(patch)
