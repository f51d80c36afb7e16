"""The report of a monitoring run on one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MonitoringReport:
    """What a monitoring run measured and moved, and what it could not do."""

    forecast: str
    target: str
    source: str
    version: int | None  # the one that serves
    figures: Mapping[str, float | int | None]
    messages: tuple[str, ...]
    failures: tuple[str, ...]  # what could not be done
    rolled_back: bool
    drifted: bool
    pages: tuple[Path, ...]

    @property
    def status(self) -> str:
        if self.failures:
            return "failed"
        return "warned" if self.rolled_back or self.drifted or not self.figures["rows"] else "ok"

    @property
    def counts(self) -> dict[str, float | int | str | None]:
        return {"target": self.target, "model_version": self.version, **self.figures}

    def summary(self) -> str:
        figures = [
            f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in self.known_figures
        ]
        title = f"{self.forecast}'s {self.target} on {self.source}"
        lines = [f"{title}: {', '.join(figures) or 'no figures'}", *self.messages]
        lines += [f"failed: {failure}" for failure in self.failures]
        return "\n".join([*lines, *(str(page) for page in self.pages)])

    @property
    def known_figures(self) -> list[tuple[str, float | int]]:
        """The figures that could be measured."""
        return [(name, value) for name, value in self.figures.items() if value is not None]
