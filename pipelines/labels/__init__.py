"""The labels, one file each. To add one: a file here, a line in LABELS, a test."""

from __future__ import annotations

from pipelines.labels.action import Action
from pipelines.labels.base import Label

LABELS: tuple[Label, ...] = (Action(),)

__all__ = ["LABELS", "Action", "Label"]
