"""What releases there were, and which is where: one file, written whole, that anybody may read.

`releases.json` lies in the release folder; whoever changes it takes its turn by a lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson
from filelock import FileLock

from pipelines.core.errors import CannotWrite, InvalidRequest
from pipelines.release.judgement import Counts
from pipelines.release.settings import release_settings

FILE, LOCK = "releases.json", "releases.lock"
KEPT = 200  # releases, the newest
Place = Literal["first", "second"]
State = Literal["starting", "trial", "serving", "withdrawn", "replaced"]
LIVE = ("starting", "trial", "serving")
ENDED = ("withdrawn", "replaced")


@dataclass
class Release:
    """One release: a process with its code and its models, and what became of it."""

    number: int
    place: Place
    code: str  # folder of the code, or how a container's is called
    models: str  # versions that it serves; empty: those that the lake decides on
    state: State
    started_at: float
    trial_at: float | None = None
    decided_at: float | None = None
    reason: str = ""
    last_words: str = ""  # of its log, where it was withdrawn; they may name paths
    pid: int | None = None  # of a process that runs on this machine, until it has ended
    born_at: float | None = None  # by which the process is told from a later one of its number
    watched_at: float | None = None  # last look at it on trial
    may_differ: float = 0.005
    log_position: int = 0
    counts: Counts = field(default_factory=Counts)


class Releases:
    """The releases of a folder, as one reading of the file has them."""

    def __init__(self, rows: list[Release]) -> None:
        self.rows = rows

    def serving(self) -> Release | None:
        """Return blue: the release that serves nine of ten callers, or all."""
        return next((row for row in reversed(self.rows) if row.state == "serving"), None)

    def candidate(self) -> Release | None:
        """Return green: the release that starts or is on trial."""
        states = ("starting", "trial")
        return next((row for row in reversed(self.rows) if row.state in states), None)

    def numbered(self, number: int) -> Release:
        """Return a release by its number."""
        return next(row for row in self.rows if row.number == number)

    def free_place(self) -> Place:
        """Return the place where blue does not stand."""
        serving = self.serving()
        return "second" if serving is not None and serving.place == "first" else "first"

    def add(self, **values: Any) -> Release:
        """Add a release that starts."""
        number = self.rows[-1].number + 1 if self.rows else 1
        release = Release(number=number, place=self.free_place(), state="starting", **values)
        self.rows.append(release)
        return release


def read_releases(folder: Path | None = None) -> Releases:
    """Return what the file says; no release where there is no file."""
    path = (folder or release_settings().place) / FILE
    try:
        rows = orjson.loads(path.read_bytes())
        return Releases([Release(**row | {"counts": Counts(**row["counts"])}) for row in rows])
    except FileNotFoundError:
        return Releases([])
    except (OSError, orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise InvalidRequest(
            f"{path} cannot be read: {error}",
            "check its permissions; a file that is damaged may be removed once no release is on "
            "trial: the next `bullion release start` begins anew",
        ) from error


@contextmanager
def change_releases(folder: Path | None = None) -> Iterator[Releases]:
    """Change the releases in a block, which takes its turn; one that raises changes nothing."""
    place = folder or release_settings().place
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o755)
        with FileLock(place / LOCK, timeout=30):
            releases = read_releases(place)
            yield releases
            _write(place / FILE, [asdict(row) for row in releases.rows[-KEPT:]])
    except OSError as error:
        raise CannotWrite(
            f"{place} cannot be used: {error}",
            "check its permissions and the space on its disk, or name another folder in "
            "BULLION_RELEASE_FOLDER",
        ) from error


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the file at once, so that whoever reads sees it before or after."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
