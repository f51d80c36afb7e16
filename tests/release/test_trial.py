"""One look at a release on trial: callers' requests, reads, and its process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.release.records import Release
from pipelines.release.routing import LOG
from pipelines.release.settings import release_settings
from pipelines.release.trial import Trial, empty_log
from tests.release.places import PlayedApi, two_places


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[PlayedApi, PlayedApi]]:
    with two_places(tmp_path, reads_per_second="20") as played:
        yield played


def open_trial(**green: object) -> Trial:
    blue = Release(1, "first", "here", "", "serving", 1.0)
    release = Release(2, "second", "here", "", "trial", 1.0, trial_at=100.0, **green)  # type: ignore[arg-type]
    return Trial(release_settings(), blue, release)


def log_line(colour: str, upstream: str) -> str:
    fields = {"status": "200", "upstream": upstream, "method": "GET", "target": "/of-a-caller"}
    return json.dumps(fields | {"colour": colour}) + "\n"


def test_requests_of_callers_are_counted_by_colour_and_read_again(
    places: tuple[PlayedApi, PlayedApi], tmp_path: Path
) -> None:
    lines = [("green", "500, 200"), ("green", "200"), *[("blue", "200")] * 7, ("blue", "503")]
    (tmp_path / LOG).write_text("".join(log_line(*line) for line in lines))
    trial = open_trial()
    assert trial.look(lambda: 101.0)[0] == "wait"
    counts = trial.counts
    assert (counts.green_requests, counts.green_failures) == (2, 1)
    assert (counts.blue_requests, counts.blue_failures) == (8, 1)
    assert counts.reads > 5
    assert set(places[1].requests) == {"/of-a-caller"}
    assert trial.green.log_position == (tmp_path / LOG).stat().st_size
    trial.close()


def test_a_process_that_ended_withdraws_it_at_once(places: tuple[PlayedApi, PlayedApi]) -> None:
    trial = open_trial(pid=2**22 + 1, born_at=1.0)
    assert trial.look() == ("withdraw", "its process ended by itself")
    trial.close()


def test_more_answers_may_differ_where_the_release_says_so(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    places[1].answer = {"wss": 0.9}
    for may_differ, verdict in ((0.005, "withdraw"), (0.9, "wait")):
        trial = open_trial(may_differ=may_differ)
        assert trial.look(lambda: 101.0)[0] == verdict
        trial.close()


def test_the_log_is_emptied_in_place(places: tuple[PlayedApi, PlayedApi], tmp_path: Path) -> None:
    with (tmp_path / LOG).open("a") as nginx:
        nginx.write("of the trial before\n")
        nginx.flush()
        empty_log(release_settings())
        nginx.write("of this one\n")
    assert (tmp_path / LOG).read_text() == "of this one\n"
