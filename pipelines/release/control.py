"""The steps of a release: started, on trial, promoted or withdrawn. Each may be repeated.

The records are the truth: what nginx does and which processes run is brought in step with them by
`settle`, also after a kill -9 between two steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import httpx

from pipelines.core.errors import InvalidRequest
from pipelines.release.processes import end_process, is_running, last_words, start_process
from pipelines.release.records import ENDED, Release, change_releases, read_releases
from pipelines.release.routing import apply_routes
from pipelines.release.settings import ReleaseSettings, release_settings
from pipelines.release.trial import Trial, empty_log

Say = Callable[[str], None]
LOADING = "models are being loaded"


def start(
    code: str,
    models: str = "",
    *,
    runs_already: bool = False,
    may_differ: float | None = None,
    python: str = "",
    more: Mapping[str, str] = {},
) -> Release:
    """Start a release beside the one that serves, and give it a tenth of the callers.

    The first release of all serves everybody at once. One that does not become healthy in time is
    withdrawn, and no caller has met it. `runs_already`: its process is a container's.
    """
    settings = release_settings()
    settle()
    with change_releases() as releases:
        if running := releases.candidate():
            raise InvalidRequest(
                f"release {running.number} is {_in_words(running)}: one at a time",
                "wait for its end, or `bullion release withdraw`",
            )
        release = releases.add(
            code=code,
            models=models,
            started_at=time.time(),
            may_differ=settings.may_differ if may_differ is None else may_differ,
        )
        if not runs_already:
            start_process(settings, release, python, more)
    trouble = _wait_until_healthy(settings, release)
    if trouble:
        return _end(release.number, "withdrawn", f"did not start: {trouble}")
    with change_releases() as releases:
        release = releases.numbered(release.number)
        if release.state != "starting":  # withdrawn by hand meanwhile
            return release
        release.trial_at = time.time()
        if releases.serving() is None:
            release.state, release.decided_at = "serving", release.trial_at
            release.reason = "the first release: it serves everybody"
        else:
            empty_log(settings)
            release.state = "trial"
        apply_routes(settings.place, releases)
    return release


def _in_words(release: Release) -> str:
    return "starting" if release.state == "starting" else "on trial"


def _wait_until_healthy(settings: ReleaseSettings, release: Release) -> str:
    """Wait until a process answers and has its models; return why it does not, or nothing."""
    deadline = time.monotonic() + settings.start_seconds
    address, answer = settings.address(release.place), "no answer"
    while time.monotonic() < deadline:
        if not is_running(release):
            return "its process ended"
        try:
            health = httpx.get(f"http://{address}/health", timeout=2, trust_env=False)
            reasons = health.json()["reasons"]
            if health.is_success and LOADING not in reasons:
                return _missing_models(release, reasons)
            answer = f"{health.status_code}, {'; '.join(reasons[:2])}"
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            answer = type(error).__name__
        time.sleep(0.1)
    return f"not healthy within {settings.start_seconds:g} s: {answer}"


def _missing_models(release: Release, reasons: Sequence[str]) -> str:
    """Return why a version that the release is to serve does not serve, or nothing."""
    names = [part.partition("=")[0].strip() for part in release.models.split(",") if part.strip()]
    for reason in reasons:
        about = reason.partition(":")[0].split(".")
        if any(name.split(".") == about[: len(name.split("."))] for name in names):
            return reason
    return ""


def adopt() -> None:
    """Note the process that runs at the first place as the one that serves, if nothing is noted."""
    with change_releases() as releases:
        if not releases.rows:
            now, reason = time.time(), "it served before there were releases"
            release = releases.add(code="a container", models="", started_at=now)
            release.state, release.decided_at, release.reason = "serving", now, reason


def watch(say: Say = lambda _: None) -> Release | None:
    """Watch the release on trial until it is decided on; None where there is none."""
    settings = release_settings()
    settle()
    releases = read_releases()
    blue, green = releases.serving(), releases.candidate()
    if blue is None or green is None or green.state != "trial":
        return None
    trial, last = Trial(settings, blue, green), ""
    try:
        while True:
            verdict, reason = trial.look()
            with change_releases() as releases:
                current = releases.numbered(green.number)
                if current.state != "trial":
                    return current  # decided by hand
                current.counts, current.log_position = trial.counts, trial.green.log_position
                current.watched_at, current.reason = time.time(), reason
            if verdict != "wait":
                break
            if (headline := reason.partition(":")[0]) != last:
                say(reason)
                last = headline
    finally:
        trial.close()
    state = "serving" if verdict == "promote" else "withdrawn"
    return _end(green.number, state, reason)


def start_newest(models: str) -> Release | None:
    """Start a release of blue's code with the models that the lake has serve now.

    None where blue has them already, where they were tried before, or where a release is on trial.
    """
    releases = read_releases()
    blue = releases.serving()
    if blue is None or blue.pid is None or releases.candidate() is not None:
        return None
    if models in {row.models for row in releases.rows if row.code == blue.code}:
        return None
    return start(blue.code, models)


def promote(reason: str) -> Release:
    """Have the release on trial serve everybody, whatever was seen so far."""
    return _end(_on_trial().number, "serving", reason or "promoted by hand")


def withdraw(reason: str) -> Release:
    """End the trial: blue serves everybody."""
    candidate = read_releases().candidate()
    if candidate is None:
        raise InvalidRequest("no release is on trial", "bullion release status")
    return _end(candidate.number, "withdrawn", reason or "withdrawn by hand")


def _on_trial() -> Release:
    candidate = read_releases().candidate()
    if candidate is None or candidate.state != "trial":
        raise InvalidRequest("no release is on trial", "bullion release start begins one")
    return candidate


def _end(number: int, state: str, reason: str) -> Release:
    """Decide on a release that starts or is on trial; a decision that was made stays."""
    with change_releases() as releases:
        release, serving = releases.numbered(number), releases.serving()
        if release.state in ("starting", "trial"):
            release.decided_at, release.reason = time.time(), reason
            if state == "serving" and serving is not None:
                serving.state = "replaced"
            release.state = "serving" if state == "serving" else "withdrawn"
            if release.state == "withdrawn" and release.pid is not None:
                release.last_words = last_words(release_settings(), release)
        apply_routes(release_settings().place, releases)
    settle()
    return read_releases().numbered(number)


def settle() -> None:
    """Bring nginx and the processes in step with the records; what has ended is drained first."""
    settings = release_settings()
    with change_releases() as releases:
        apply_routes(settings.place, releases)
        leaving = [row for row in releases.rows if row.state in ENDED and row.pid is not None]
    if not leaving:
        return
    if any(is_running(row) for row in leaving):
        time.sleep(settings.drain_seconds)
    for row in leaving:
        end_process(row)
    with change_releases() as releases:
        for row in leaving:
            releases.numbered(row.number).pid = None
