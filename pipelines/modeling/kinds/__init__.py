"""The kinds of target, one file each. A label says by name of which kind it is."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.core.errors import unknown
from pipelines.labels.base import Label
from pipelines.modeling.kinds.base import Fitted, Kind, Metrics, Model, Settled
from pipelines.modeling.kinds.classes import Classes
from pipelines.modeling.kinds.value import Value

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Classes(), Value())}


def kind_of(label: Label) -> Kind:
    return named(label.kind)


def named(kind: str) -> Kind:
    if kind not in KINDS:
        raise unknown("kind of target", kind, KINDS)
    return KINDS[kind]


__all__ = ["KINDS", "Fitted", "Kind", "Metrics", "Model", "Settled", "kind_of", "named"]
