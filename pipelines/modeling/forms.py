"""The ONNX forms of all candidates: kept beside the winner, and scored as challengers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import BullionError, unknown
from pipelines.modeling.compare import Comparison, Result
from pipelines.modeling.kinds import Fitted, Model, kind_of
from pipelines.modeling.onnx import parity, to_onnx
from pipelines.modeling.scorer import Description, OnnxScorer, checksum

APART = 1e-5  # from the original, at the most
CHECKED = 1000  # rows that a challenger is held against its original on


@dataclass(frozen=True)
class Form:
    """A candidate as an ONNX file, or why there is none."""

    body: bytes = b""
    failure: str = ""

    @property
    def sha256(self) -> str:
        return checksum(self.body) if self.body else ""


def forms(found: Comparison, description: Description) -> dict[str, Form]:
    """Every candidate by name, as it was fitted and not settled."""
    return {one.name: _form(one, found, description) for one in found.ranking}


def challengers(
    found: Comparison, names: Sequence[str], kept: Mapping[str, Form]
) -> dict[str, Form]:
    """The named ones of the forms, each held against its original on selection rows."""
    for name in names:
        if name not in kept:
            raise unknown("challenger", name, kept)
    return {
        one.name: _held(one, found, kept[one.name]) for one in found.ranking if one.name in names
    }


def settled(found: Comparison, name: str, description: Description) -> bytes:
    """A candidate as it would serve, had it won; nothing where it failed."""
    one = next(one for one in found.ranking if one.name == name)
    if one.fitted is None:
        return b""
    rows = found.selection
    model = kind_of(found.label).settle(one.fitted, found.shares, rows.rows, rows.truth).model
    return to_onnx(model, description)


def _form(one: Result, found: Comparison, description: Description) -> Form:
    if one.fitted is None:
        return Form(failure=one.failure)
    told = replace(description, more={**description.more, "candidate": one.name})
    try:
        return Form(to_onnx(_plain(one.fitted, found), told))
    # The converter raises whatever it meets: the candidate has no form, and training goes on.
    except Exception as failure:
        return Form(failure=f"no ONNX form: {_said(failure)}")


def _held(one: Result, found: Comparison, form: Form) -> Form:
    if one.fitted is None or not form.body:
        return form
    rows = found.selection.rows.features
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), CHECKED)).astype(int)]
    try:
        apart = parity(OnnxScorer(form.body), _plain(one.fitted, found), some)
    except BullionError as failure:
        return Form(failure=f"the ONNX form cannot be used: {_said(failure)}")
    if not apart <= APART:
        return Form(failure=f"the ONNX form differs from the original by up to {apart:.1e}")
    return form


def _plain(fitted: Fitted, found: Comparison) -> Model:
    return kind_of(found.label).plain(fitted, found.shares, found.training.truth)


def _said(failure: Exception) -> str:
    told = failure.message if isinstance(failure, BullionError) else str(failure)
    return f"{type(failure).__name__}: {told}"
