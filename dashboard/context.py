"""What every page gets: the API's reader, the forecast and the clock that were selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.clock import Clock
from dashboard.reader import Reader
from dashboard.settings import Settings

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """One drawing of a page."""

    reader: Reader
    settings: Settings
    clock: Clock
    forecasts: tuple[Row, ...]
    forecast: Row

    @property
    def name(self) -> str:
        """The selected forecast, as paths of the API have it."""
        return str(self.forecast["name"])

    def path(self, rest: str) -> str:
        """Return the path of the forecast's route."""
        return f"/forecasts/{self.name}/{rest}"

    def target(self, name: str) -> Row:
        """Return the declaration of a target of the forecast."""
        return next(t for t in self.forecast["targets"] if t["target"] == name)
