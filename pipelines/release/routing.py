"""Which process nginx asks: two empty files, which it looks for at each request.

No reload is needed, so no connection of a caller is ever closed by a release. `second` says that
blue is at the second place; `trial` that a tenth of the callers goes to the other one.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.release.records import Releases

SECOND, TRIAL, LOG = "second", "trial", "trial.log"


def apply_routes(folder: Path, releases: Releases) -> None:
    """Have nginx ask by what the releases are; whatever runs in between is right, too.

    Blue's place comes first: where a release was promoted, a tenth is answered for a moment by
    the release before, which still runs.
    """
    serving, candidate = releases.serving(), releases.candidate()
    if serving is None:
        return
    _set_flag(folder / SECOND, serving.place == "second")
    _set_flag(folder / TRIAL, candidate is not None and candidate.state == "trial")


def _set_flag(path: Path, value: bool) -> None:
    if value:
        path.touch()
    else:
        path.unlink(missing_ok=True)
