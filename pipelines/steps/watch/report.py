"""What a look at the live rows of a target found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Monitored:
    """A look: what it measured, said, could not do, and moved."""

    forecast: str
    target: str
    source: str
    version: int | None  # that serves
    figures: Mapping[str, float | int | None]
    said: tuple[str, ...]
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
        told = [f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in self.known]
        about = f"{self.forecast}'s {self.target} on {self.source}"
        lines = [f"{about}: {', '.join(told) or 'no figures'}", *self.said]
        lines += [f"failed: {failure}" for failure in self.failures]
        return "\n".join([*lines, *(str(page) for page in self.pages)])

    @property
    def known(self) -> list[tuple[str, float | int]]:
        return [(name, value) for name, value in self.figures.items() if value is not None]
