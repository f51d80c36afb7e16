"""The life of a release: one at a time, each step repeatable, and each end with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.release import control
from pipelines.release.records import change_releases, read_releases
from pipelines.release.routing import LOG, SECOND, TRIAL
from tests.release.places import PlayedApi, two_places

Places = tuple[PlayedApi, PlayedApi]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    with two_places(tmp_path) as played:
        yield played


def start() -> int:
    return control.start("its container", runs_already=True).number


def state_of(number: int) -> tuple[str, str]:
    release = read_releases().numbered(number)
    return release.state, release.reason


def flags(folder: Path) -> set[str]:
    return {name for name in (SECOND, TRIAL) if (folder / name).exists()}


def test_the_first_serves_everybody_and_the_next_a_tenth(places: Places, tmp_path: Path) -> None:
    assert state_of(start())[0] == "serving"
    assert flags(tmp_path) == set()
    (tmp_path / LOG).write_text("of the trial before\n")
    assert state_of(start())[0] == "trial"
    assert flags(tmp_path) == {TRIAL}
    assert (tmp_path / LOG).read_text() == ""


def test_a_good_release_is_promoted_and_the_next_goes_to_the_other_place(
    places: Places, tmp_path: Path
) -> None:
    first, second = start(), start()
    words: list[str] = []
    release = control.watch(words.append)
    assert release
    assert release.state == "serving"
    assert "as good as blue" in release.reason
    assert any("not enough seen" in word for word in words)
    assert state_of(first)[0] == "replaced"
    assert flags(tmp_path) == {SECOND}
    third = start()
    assert read_releases().numbered(third).place == "first"
    assert second == 2


@pytest.mark.parametrize("fault", ["500", "other", "stalls"])
def test_a_release_that_is_worse_is_withdrawn(
    places: Places, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(), start()
    green = places[1]
    if fault == "500":
        green.status = 500
    elif fault == "other":
        green.answer = {"wss": 0.6}
    else:
        green.stalls.set()
        monkeypatch.setenv("BULLION_RELEASE_READ_SECONDS", "0.2")
    release = control.watch()
    assert release
    words = {"500": "failed requests", "other": "wss is 0.6 instead of 0.5", "stalls": "too many"}
    assert words[fault] in release.reason
    assert state_of(second)[0] == "withdrawn"
    assert state_of(first)[0] == "serving"
    assert flags(tmp_path) == set()


def test_one_that_never_becomes_healthy_meets_no_caller(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    monkeypatch.setenv("BULLION_RELEASE_START_SECONDS", "1")
    places[1].reasons = ["models are being loaded"]
    second = start()
    assert state_of(second) == (
        "withdrawn",
        "did not start: not healthy within 1 s: 200, models are being loaded",
    )
    assert flags(tmp_path) == set()


def test_one_at_a_time(places: Places) -> None:
    start()
    start()
    with pytest.raises(InvalidRequest, match="release 2 is on trial"):
        start()


def test_people_decide_with_a_reason_and_a_watcher_heeds_it(places: Places) -> None:
    start()
    second = start()
    assert control.withdraw("a customer rang").state == "withdrawn"
    assert state_of(second) == ("withdrawn", "a customer rang")
    assert control.watch() is None
    third = start()
    assert control.promote("").reason == "promoted by hand"
    assert state_of(third)[0] == "serving"
    for decide in (control.promote, control.withdraw):
        with pytest.raises(InvalidRequest, match="no release is on trial"):
            decide("again")


def test_a_decision_that_was_made_stays(places: Places) -> None:
    start()
    second = start()
    control.withdraw("by hand")
    assert control._end(second, "serving", "too late").state == "withdrawn"


def test_what_a_kill_left_half_done_is_settled(places: Places, tmp_path: Path) -> None:
    """The record is written first: whoever comes next brings nginx in step with it."""
    start()
    start()
    with change_releases() as releases:
        releases.rows[0].state, releases.rows[1].state = "replaced", "serving"
    assert flags(tmp_path) == {TRIAL}
    control.settle()
    assert flags(tmp_path) == {SECOND}


def test_a_watcher_goes_on_with_what_was_counted(places: Places) -> None:
    start()
    second = start()
    with change_releases() as releases:
        releases.numbered(second).counts.reads = 10_000
    release = control.watch()
    assert release
    assert release.counts.reads > 10_000


def test_what_served_before_there_were_releases_is_noted_once(places: Places) -> None:
    control.adopt()
    control.adopt()
    (release,) = read_releases().rows
    assert (release.state, release.place) == ("serving", "first")
    assert state_of(start())[0] == "trial"


def test_time_is_up(tmp_path: Path) -> None:
    with two_places(tmp_path, most_seconds="1", reads_per_second="4"):
        start()
        start()
        release = control.watch()
        assert release
        assert release.state == "withdrawn"
        assert release.reason.startswith("not enough seen in")


def test_a_version_that_cannot_serve_is_no_release(places: Places) -> None:
    start()
    places[1].reasons = ["spy_next_day.direction: version 2 cannot serve: its file is lost"]
    trouble = control.start("an image", "spy_next_day=2", runs_already=True)
    assert trouble.state == "withdrawn"
    assert "version 2 cannot serve" in trouble.reason
    assert control.start("an image", "nasdaq100_hourly=2", runs_already=True).state == "trial"


def test_a_promoted_model_is_released_once_and_only_beside_a_process_of_this_machine(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, str]] = []
    monkeypatch.setattr(control, "start", lambda code, models: started.append((code, models)))
    assert control.start_newest("spy_next_day=2") is None
    with change_releases() as releases:
        blue = releases.add(code="here", models="spy_next_day=1", started_at=1.0)
        blue.state = "serving"
    control.start_newest("spy_next_day=2")
    assert started == []  # a container's process cannot be started from here
    with change_releases() as releases:
        releases.rows[0].pid = 1
    control.start_newest("spy_next_day=1")
    assert started == []
    control.start_newest("spy_next_day=2")
    assert started == [("here", "spy_next_day=2")]
    with change_releases() as releases:
        tried = releases.add(code="here", models="spy_next_day=2", started_at=1.0)
        tried.state = "withdrawn"
    control.start_newest("spy_next_day=2")
    assert len(started) == 1
