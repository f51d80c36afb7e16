"""What one drawing of a page reads, so that it is drawn anew only where that has changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from dashboard.api import Answer, Api

Request = tuple[str, tuple[tuple[str, object], ...]]


@dataclass
class Reader:
    """Reads the API for one drawing of a page, and remembers which versions it drew."""

    api: Api
    versions: dict[Request, str] = field(default_factory=dict)
    problems: set[str] = field(default_factory=set)  # that stand on the page already

    def get(self, path: str, **parameters: object) -> Answer:
        """Return the answer to a request."""
        answer = self.api.get(path, **parameters)
        self.versions[path, tuple(parameters.items())] = answer.version
        return answer

    def has_changed(self) -> bool:
        """Ask everything again; return whether any answer is another one than was drawn."""
        return any(
            self.api.get(path, **dict(parameters)).version != version
            for (path, parameters), version in self.versions.items()
        )
