"""What `bullion release` prints, and how it exits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Bullion, run_here
from tests.release.places import PlayedApi, two_places


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[PlayedApi, PlayedApi]]:
    with two_places(tmp_path / "release") as played:
        yield played


@pytest.fixture
def bullion(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bullion:
    monkeypatch.setattr("pipelines.cli.app.out._width", 240)
    return run_here(monkeypatch, capsys)


START = ("release", "start", "--runs-already", "--code", "an-image")


def test_a_release_is_started_watched_and_listed(
    places: tuple[PlayedApi, PlayedApi], bullion: Bullion
) -> None:
    assert bullion("release", "place") == (0, "first\n", "")
    code, out, _ = bullion(*START)
    assert (code, "release 1 serves everybody: the first release" in out) == (0, True)
    assert bullion("release", "place")[1] == "second\n"
    code, out, _ = bullion(*START, "--models", "spy_next_day=2")
    assert code == 0
    assert "release 2 is on trial with a tenth of the callers" in out
    assert "release 2 serves everybody: as good as blue" in out
    code, out, _ = bullion("release", "status")
    assert code == 0
    assert "spy_next_day=2" in out
    assert "release 1 was replaced by a later one" in out


def test_a_release_that_is_withdrawn_fails_the_command_with_its_reason(
    places: tuple[PlayedApi, PlayedApi], bullion: Bullion
) -> None:
    bullion(*START)
    places[1].status = 500
    code, out, err = bullion(*START)
    assert code == 1
    assert "release 2 was withdrawn: too many failed requests" in out
    assert "blue serves everybody" in err


def test_people_promote_and_withdraw(places: tuple[PlayedApi, PlayedApi], bullion: Bullion) -> None:
    bullion(*START)
    bullion(*START, "--no-watch")
    assert "was withdrawn: no time" in bullion("release", "withdraw", "--reason", "no time")[1]
    code, _, err = bullion("release", "promote")
    assert code == 2
    assert "no release is on trial" in err
    bullion(*START, "--no-watch")
    assert "serves everybody: promoted by hand" in bullion("release", "promote")[1]
    assert bullion("release", "watch")[1] == "no release is on trial\n"


def test_a_release_that_nobody_watches_says_so(
    places: tuple[PlayedApi, PlayedApi], bullion: Bullion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.release.records import change_releases

    bullion(*START)
    bullion(*START, "--no-watch")
    with change_releases() as releases:
        releases.rows[-1].watched_at = 1.0
    assert "nobody watches it since" in bullion("release", "status")[1]


def test_a_folder_without_code_is_refused(
    places: tuple[PlayedApi, PlayedApi], bullion: Bullion, tmp_path: Path
) -> None:
    code, _, err = bullion("release", "start", "--code", str(tmp_path))
    assert code == 2
    assert "has no serving/__main__.py" in err
    assert "none" in bullion("release", "status")[1]
