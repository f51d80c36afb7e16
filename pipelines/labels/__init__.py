"""The labels. To add one: a file here that declares its class, and a test."""

from __future__ import annotations

from typing import TypeGuard

from pipelines.core.discovery import declared_objects, module_names
from pipelines.labels.action import Action
from pipelines.labels.base import Label
from pipelines.labels.next_direction import NextDirection
from pipelines.labels.next_return import NextReturn
from pipelines.labels.risk import Risk


def _is_label(value: object) -> TypeGuard[type[Label]]:
    """Return whether a value is a class that implements Label; Label itself has no name."""
    has_name = isinstance(value, type) and isinstance(getattr(value, "name", None), str)
    return has_name and hasattr(value, "outcome")


# One of each class, with default arguments, in the order of file names. The laws are tested
# for all of them.
LABELS: tuple[Label, ...] = tuple(
    declared() for declared in declared_objects(__name__, module_names(__path__), _is_label)
)

__all__ = ["LABELS", "Action", "Label", "NextDirection", "NextReturn", "Risk"]
