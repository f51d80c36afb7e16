"""What nginx wrote is read once, whole lines only, and who failed is seen behind a second try."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.release.traffic import TrafficLog


def line(**fields: str) -> str:
    values = {
        "colour": "green",
        "status": "200",
        "upstream": "200",
        "method": "GET",
        "target": "/x",
    }
    return json.dumps(values | fields) + "\n"


def test_new_lines_are_read_once_and_half_a_line_waits(tmp_path: Path) -> None:
    log = TrafficLog(tmp_path / "trial.log")
    assert list(log.new_requests()) == []
    whole = line(target="/a")
    log.path.write_text(whole + whole[:20])
    assert [request.target for request in log.new_requests()] == ["/a"]
    assert list(log.new_requests()) == []
    log.path.write_text(whole + whole)
    assert len(list(log.new_requests())) == 1


def test_it_goes_on_where_it_was_and_begins_anew_with_an_emptied_file(tmp_path: Path) -> None:
    path = tmp_path / "trial.log"
    path.write_text(line(target="/a") + line(target="/b"))
    position = len(line(target="/a"))
    log = TrafficLog(path, position)
    assert [request.target for request in log.new_requests()] == ["/b"]
    log.clear()
    assert path.read_text() == ""
    path.write_text(line(target="/c"))
    assert [request.target for request in log.new_requests()] == ["/c"]


@pytest.mark.parametrize(
    ("upstream", "failed"),
    [("200", False), ("404", False), ("500", True), ("502, 200", True), ("-", True), ("", True)],
)
def test_a_failure_is_one_though_another_process_answered_then(
    tmp_path: Path, upstream: str, failed: bool
) -> None:
    log = TrafficLog(tmp_path / "trial.log")
    log.path.write_text(line(upstream=upstream))
    (request,) = log.new_requests()
    assert request.failed is failed
    assert request.is_green


def test_a_caller_that_hung_up_and_a_line_that_is_none_are_left_out(tmp_path: Path) -> None:
    log = TrafficLog(tmp_path / "trial.log")
    log.path.write_text(line(status="499", upstream="-") + "no JSON\n[]\n" + line(colour="blue"))
    (request,) = log.new_requests()
    assert not request.is_green


@pytest.mark.parametrize(
    "fields",
    [{"method": "POST"}, {"status": "404"}, {"target": "/" * 3000}],
    ids=["post", "404", "long"],
)
def test_only_reads_that_succeeded_are_repeated(tmp_path: Path, fields: dict[str, str]) -> None:
    log = TrafficLog(tmp_path / "trial.log")
    log.path.write_text(line(**fields))
    (request,) = log.new_requests()
    assert request.target == ""
