"""The kinds of target, one file each. A label names its kind."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.core.errors import unknown
from pipelines.labels.base import Label
from pipelines.modeling.kinds.base import CalibratedModel, Fitted, Kind, Metrics, Model, Publishing
from pipelines.modeling.kinds.classes import Classes
from pipelines.modeling.kinds.value import Value

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Classes(), Value())}


def kind_of(label: Label) -> Kind:
    """The kind of a label's target."""
    return kind_named(label.kind)


def kind_named(kind: str) -> Kind:
    """The kind of that name."""
    if kind not in KINDS:
        raise unknown("kind of target", kind, KINDS)
    return KINDS[kind]


__all__ = [
    "KINDS",
    "CalibratedModel",
    "Fitted",
    "Kind",
    "Metrics",
    "Model",
    "Publishing",
    "kind_named",
    "kind_of",
]
