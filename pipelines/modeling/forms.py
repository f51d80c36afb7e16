"""Convert all candidates of a comparison to ONNX.

The files are stored beside the winner's, or score as challengers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import BullionError, unknown
from pipelines.modeling.comparison import Comparison, Result
from pipelines.modeling.description import Description
from pipelines.modeling.kinds import Fitted, Model, kind_of
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import OnnxScorer, checksum

LARGEST_DIFFERENCE = 1e-5  # between the outputs of a form and of its original
PARITY_ROWS = 1000  # rows on which a challenger is compared with its original


@dataclass(frozen=True)
class Form:
    """A candidate as an ONNX file, or why there is none."""

    body: bytes = b""
    failure: str = ""

    @property
    def sha256(self) -> str:
        return checksum(self.body) if self.body else ""


def convert_candidates(comparison: Comparison, description: Description) -> dict[str, Form]:
    """Convert every candidate as it would serve if it had won; by name."""
    return {result.name: _convert(result, comparison, description) for result in comparison.ranking}


def check_challengers(
    comparison: Comparison, names: Sequence[str], forms: Mapping[str, Form]
) -> dict[str, Form]:
    """The forms of the named candidates, each compared with its original on selection rows."""
    for name in names:
        if name not in forms:
            raise unknown("challenger", name, forms)
    return {
        result.name: _check_parity(result, comparison, forms[result.name])
        for result in comparison.ranking
        if result.name in names
    }


def _convert(result: Result, comparison: Comparison, description: Description) -> Form:
    if result.fitted is None:
        return Form(failure=result.failure)
    own_description = replace(description, more={**description.more, "candidate": result.name})
    try:
        return Form(to_onnx(_calibrated_model(result.fitted, comparison), own_description))
    # The converter raises whatever it meets: the candidate has no form, and training goes on.
    except Exception as failure:
        return Form(failure=f"no ONNX form: {_describe_failure(failure)}")


def _check_parity(result: Result, comparison: Comparison, form: Form) -> Form:
    if result.fitted is None or not form.body:
        return form
    rows = comparison.selection.rows.features
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), PARITY_ROWS)).astype(int)]
    try:
        difference = parity(
            OnnxScorer(form.body), _calibrated_model(result.fitted, comparison), sample
        )
    except BullionError as failure:
        return Form(failure=f"the ONNX form cannot be used: {_describe_failure(failure)}")
    if not difference <= LARGEST_DIFFERENCE:
        return Form(failure=f"the ONNX form differs from the original by up to {difference:.1e}")
    return form


def _calibrated_model(fitted: Fitted, comparison: Comparison) -> Model:
    rows = comparison.selection
    kind = kind_of(comparison.label)
    return kind.calibrate(fitted, comparison.publishing, rows.rows, rows.truth).model


def _describe_failure(failure: Exception) -> str:
    message = failure.message if isinstance(failure, BullionError) else str(failure)
    return f"{type(failure).__name__}: {message}"
