"""The same reads to both: what callers read, with the key, and what each answer counts for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.release.judgement import Counts
from pipelines.release.probes import Probe
from pipelines.release.reads import LEAST_TIMES, OWN_READS, PairedReads
from pipelines.release.settings import release_settings
from tests.release.places import PlayedApi, two_places


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[PlayedApi, PlayedApi]]:
    with two_places(tmp_path, key="a-key", read_seconds="0.2") as played:
        yield played


def read(places: tuple[PlayedApi, PlayedApi], times: int = 1, *targets: str) -> Counts:
    counts = Counts()
    reads = PairedReads(release_settings(), *(place.address for place in places))
    reads.note_targets(targets)
    for _ in range(times):
        reads.read_once(counts)
    reads.close()
    return counts


def test_blue_is_asked_before_and_after_green_with_the_key(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    counts = read(places, 1, "/signal/index?universe=qqq", "/health", "/metrics")
    blue, green = places
    requests = [target for target in blue.requests if target != "/forecasts"]  # which bars it has
    assert requests == ["/signal/index?universe=qqq"] * 2
    assert green.requests == ["/signal/index?universe=qqq"]
    assert blue.keys == green.keys == {"a-key"}
    assert (counts.reads, counts.compared, counts.different) == (1, 1, 0)


def test_reads_of_its_own_stand_in_where_callers_send_none(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    read(places, 40)
    assert set(places[1].requests) == {*OWN_READS}


def test_a_failure_of_blue_is_not_counted_against_green(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    places[0].status = 503
    counts = read(places, 3)
    assert (counts.reads, counts.read_failures, counts.compared) == (0, 0, 0)


def test_a_failure_of_green_is_counted_and_compared_with_nothing(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    places[1].status = 500
    counts = read(places, 3, "/x")
    assert (counts.reads, counts.read_failures, counts.compared) == (3, 3, 0)
    assert counts.failure == "GET /x: 500"
    assert max(counts.read_shares) > 0


def test_too_many_requests_say_nothing(places: tuple[PlayedApi, PlayedApi]) -> None:
    places[1].status = 429
    assert read(places, 3) == Counts()


def test_an_answer_that_does_not_come_in_time_is_slow_and_failed(
    places: tuple[PlayedApi, PlayedApi],
) -> None:
    counts = Counts()
    reads = PairedReads(release_settings(), *(place.address for place in places))
    for _ in range(LEAST_TIMES):
        reads.read_once(counts)
    assert counts.timed == 0
    places[1].stalls.set()
    reads.read_once(counts)
    assert (counts.timed, counts.slow, counts.read_failures) == (1, 1, 1)
    assert "ReadTimeout" in counts.failure
    reads.close()


@pytest.mark.parametrize(
    ("other_models", "answer", "others"),
    [
        (False, {"action": "buy", "p": 0.7, "latency_ms": 1}, False),
        (False, {"action": "buy", "p": 0.8, "latency_ms": 1}, True),
        (True, {"action": "buy", "p": 0.8, "latency_ms": 1}, False),
        (True, {"action": "sell", "p": 0.7, "latency_ms": 1}, True),
    ],
    ids=["the same", "another probability", "of another model", "another action"],
)
def test_predictions_are_compared_in_full_and_of_other_models_by_what_they_say_to_do(
    places: tuple[PlayedApi, PlayedApi], other_models: bool, answer: dict[str, object], others: bool
) -> None:
    places[0].answer = {"action": "buy", "p": 0.7, "latency_ms": 1}
    places[1].answer = answer
    reads = PairedReads(release_settings(), *(place.address for place in places), other_models)
    reads._probes = [Probe("/forecasts/x/predict", b"{}")]
    counts = Counts()
    for _ in range(40):
        reads.read_once(counts)
    reads.close()
    assert counts.predictions > 3
    assert counts.other_predictions == others * counts.predictions
    assert ("/model-info" in places[1].requests) != other_models
