"""The labels. To add one: a file here that declares its class, and a test."""

from __future__ import annotations

from typing import TypeGuard

from pipelines.core.discovery import declared_objects, module_names
from pipelines.labels.action import Action
from pipelines.labels.base import Label
from pipelines.labels.next_return import NextReturn
from pipelines.labels.risk import Risk


def _is_label(value: object) -> TypeGuard[type[Label]]:
    """Whether it is a class that implements Label; Label itself has no name."""
    named = isinstance(value, type) and isinstance(getattr(value, "name", None), str)
    return named and hasattr(value, "outcome")


# Each as it is without arguments; by the names of their files. The laws are tested for all.
LABELS: tuple[Label, ...] = tuple(
    declared() for declared in declared_objects(__name__, module_names(__path__), _is_label)
)

__all__ = ["LABELS", "Action", "Label", "NextReturn", "Risk"]
