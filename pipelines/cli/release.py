"""The commands of a release: tried on a tenth of the callers, then promoted or withdrawn."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import app, named_folder, out, print_table
from pipelines.core.errors import BullionError
from pipelines.core.settings import ROOT
from pipelines.release import control
from pipelines.release.records import Release, read_releases

commands = typer.Typer(
    no_args_is_help=True,
    help="Try a new API process on a tenth of the callers, beside the one that serves.",
)
app.add_typer(commands, name="release")
LISTED = 20
NEWEST = "newest"
COLUMNS = ("release", "place", "state", "started", "decided", "code", "models")
PAUSE = 1.0  # seconds between two looks for a release to watch
ReasonOption = Annotated[str, typer.Option(help="why; it is kept with the release")]


@commands.command()
def start(
    code: Annotated[
        str | None, typer.Option(help="folder of the code to run; default: this one")
    ] = None,
    models: Annotated[
        str,
        typer.Option(help="versions that it serves: nasdaq100_hourly=3,...; default: the lake's"),
    ] = "",
    python: Annotated[
        str, typer.Option(help="Python of the code's own environment; default: this one")
    ] = "",
    may_differ: Annotated[
        float | None,
        typer.Option(min=0.0001, max=0.9, help="share of the answers that may differ from blue's"),
    ] = None,
    runs_already: Annotated[
        bool, typer.Option(help="its container runs at the free place: start no process")
    ] = False,
    watch: Annotated[bool, typer.Option(help="watch it until it is decided on")] = True,
) -> None:
    """Start a release, give it a tenth of the callers, watch it, and promote or withdraw it."""
    if models == NEWEST:
        from pipelines.release.champions import newest_models

        models = newest_models()
    folder = str(named_folder(code).resolve()) if code is not None else str(ROOT)
    release = control.start(
        (code or "a container") if runs_already else folder,
        models,
        runs_already=runs_already,
        may_differ=may_differ,
        python=python,
    )
    _say(describe(release))
    if watch and release.state == "trial":
        release = control.watch(_say) or release
        _say(describe(release))
    if release.state == "withdrawn":
        raise BullionError(f"release {release.number} was withdrawn", "blue serves everybody")


@commands.command()
def watch(
    forever: Annotated[bool, typer.Option(help="then wait for the next one: a service")] = False,
    adopt: Annotated[
        bool, typer.Option(help="note what runs at the first place, where nothing is noted yet")
    ] = False,
    champions: Annotated[
        bool, typer.Option(help="release each model that is promoted: a tenth meets it first")
    ] = False,
) -> None:
    """Watch the release on trial until it is decided on; after a kill, go on where it was."""
    if adopt:
        control.adopt()
    while True:
        if champions:
            from pipelines.release.champions import newest_models

            control.start_newest(newest_models())
        if (release := control.watch(_say)) is not None:
            _say(describe(release))
        elif not forever:
            _say("no release is on trial")
        if not forever:
            return
        time.sleep(PAUSE)


@commands.command()
def status() -> None:
    """List the newest releases, and say why each was promoted or withdrawn."""
    rows = read_releases().rows[: -LISTED - 1 : -1]
    print_table(
        "releases",
        [
            (
                str(row.number), row.place, row.state, _in_utc(row.started_at),
                _in_utc(row.decided_at), row.code, row.models or "as the lake decides",
            )
            for row in rows
        ],
        COLUMNS,
    )  # fmt: skip
    for row in rows[:5]:
        _say(describe(row))


@commands.command()
def place() -> None:
    """Print where the next release goes: first or second."""
    _say(read_releases().free_place())


@commands.command()
def promote(reason: ReasonOption = "") -> None:
    """Have the release on trial serve everybody now."""
    _say(describe(control.promote(reason)))


@commands.command()
def withdraw(reason: ReasonOption = "") -> None:
    """End the trial now: blue serves everybody."""
    _say(describe(control.withdraw(reason)))


def describe(release: Release) -> str:
    """Return in a sentence what became of a release, and why."""
    words = {
        "starting": "starts",
        "trial": "is on trial with a tenth of the callers",
        "serving": "serves everybody",
        "withdrawn": "was withdrawn",
        "replaced": "was replaced by a later one",
    }
    reason = f": {release.reason}" if release.reason else ""
    reason += f"; its log ends: {release.last_words}" if release.last_words else ""
    watched = ""
    if release.state == "trial" and release.watched_at is not None:
        idle = time.time() - release.watched_at
        watched = f" (nobody watches it since {idle:.0f} s: bullion release watch)" * (idle > 30)
    return f"release {release.number} {words[release.state]}{reason}{watched}"


def _in_utc(at: float | None) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}" if at is not None else "-"


def _say(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True)
