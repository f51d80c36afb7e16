"""What nginx wrote of the requests of callers while a release is on trial: one JSON object a line.

The format is `release` of include/nginx/nginx.conf. No key is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

LONGEST = 2000  # characters of an address that is read again
HUNG_UP = 499  # nginx's word for a caller that did not wait
CHUNK = 1 << 20


@dataclass(frozen=True)
class LoggedRequest:
    """A request of a caller, and how the process that it was meant for answered."""

    is_green: bool
    failed: bool
    detail: str
    target: str  # of a read that may be repeated; else empty


class TrafficLog:
    """Reads what was added to nginx's file since the last look."""

    def __init__(self, path: Path, position: int = 0) -> None:
        self.path, self.position = path, position

    def clear(self) -> None:
        """Empty the file, which nginx holds open and appends to."""
        if self.path.exists():
            with self.path.open("r+b") as file:
                file.truncate()
        self.position = 0

    def new_requests(self) -> Iterator[LoggedRequest]:
        """Yield the requests that came since the last look; a line that is not whole waits."""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, 2) < self.position:
                    self.position = 0
                file.seek(self.position)
                content = file.read(CHUNK)
        except FileNotFoundError:
            return
        whole, _, _ = content.rpartition(b"\n")
        self.position += len(whole) + 1 if whole else 0
        for line in whole.splitlines():
            if request := _parse(line):
                yield request


def _parse(line: bytes) -> LoggedRequest | None:
    """Return what a line says; None of a request that nobody waited for."""
    try:
        fields = orjson.loads(line)
        colour, status, statuses = fields["colour"], int(fields["status"]), fields["upstream"]
        method, target = fields["method"], fields["target"]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if status == HUNG_UP:
        return None
    # Where nginx asked another process after the first one had failed, both stand here.
    first = statuses.partition(",")[0].strip()
    failed = first == "-" or first == "" or (first.isdigit() and int(first) >= 500)
    repeats = method == "GET" and status == 200 and len(target) <= LONGEST
    return LoggedRequest(
        colour == "green", failed, f"{method} {target[:80]}: {first or '-'}", target * repeats
    )
