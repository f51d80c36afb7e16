"""The labels, one file each. To add one: a file here, a line in LABELS, a test."""

from __future__ import annotations

from pipelines.labels.action import Action
from pipelines.labels.base import Label
from pipelines.labels.next_return import NextReturn
from pipelines.labels.risk import Risk

LABELS: tuple[Label, ...] = (Action(), NextReturn(), Risk())

__all__ = ["LABELS", "Action", "Label", "NextReturn", "Risk"]
