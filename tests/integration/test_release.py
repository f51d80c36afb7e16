"""Blue, green and nginx as they are deployed: a good release is promoted, broken ones are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.release.records import read_releases
from tests.build_once import build_once
from tests.release.stand import Stand, open_stand
from tests.servers.nginx import PROGRAM
from tests.serving.scored_api import build_folder

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROGRAM is None, reason="apt-get install nginx-light"),
]
RATE = 150.0  # requests of callers a second


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with open_stand(build_once("scored", build_folder), tmp_path, least_seconds="0") as opened:
        yield opened


def test_releases_under_load_are_decided_on_and_no_request_fails(stand: Stand) -> None:
    first = stand.release()
    assert first.state == "serving", f"{first.reason}: {first.last_words}"
    stand.start_load(RATE)
    good = stand.release()
    assert (good.state, good.place) == ("serving", "second"), good.reason
    broken = stand.release("500s")
    assert broken.state == "withdrawn", broken.reason
    assert "too many failed requests" in broken.reason
    dying = stand.release("dies half-way")
    assert dying.state == "withdrawn", dying.reason
    report = stand.end_load()
    assert report["failures"] == {}, report["examples"]
    assert report["by_colour"]["green"] > 0
    # The same caller meets the same colour: green during trials, and blue between them.
    assert 5 <= report["green_callers"] <= 40
    assert report["most_changes"] <= 2 * 3 + 1
    # Sockets were closed with a word by which a client connects again, and none was cut off.
    assert set(report["closes"]) <= {"1012"}
    assert report["messages"] > 0
    assert [row.state for row in read_releases(Path(stand.folder / "release")).rows] == [
        "replaced", "serving", "withdrawn", "withdrawn",
    ]  # fmt: skip
