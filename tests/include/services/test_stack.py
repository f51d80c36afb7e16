"""A start that cannot succeed is refused before anything runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.services.report_files import server
from include.services.settings import Services
from include.services.stack import Stack
from include.services.supervisor import ServiceError
from pipelines.core.errors import InvalidRequest
from tests.servers.in_thread import serve_in_thread
from tests.servers.provider import Fault, ProviderServer


def test_a_full_disk_is_reported_before_anything_starts(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    with pytest.raises(ServiceError, match=r"1\.0 GiB are free") as caught:
        Stack(config).up(detach=True)
    assert "BULLION_HOME=" in caught.value.hint


def test_an_unknown_source_is_refused_before_anything_starts(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULLION_SOURCE", "yahooo")
    with pytest.raises(InvalidRequest, match="yahooo"):
        Stack(config).up(detach=True)
    assert not (config.home / "airflow").exists()


def test_two_starts_at_once_are_one(config: Services) -> None:
    with (
        Stack(config)._only_start(),
        pytest.raises(ServiceError, match="another `make up` is at work"),
    ):
        Stack(config).up(detach=True)


def test_a_page_that_leads_elsewhere_answers_and_one_that_is_refused_does_not(
    tmp_path: Path,
) -> None:
    with server(0, tmp_path) as reports, serve_in_thread(reports):
        stack = Stack(Services(home=tmp_path, pages_port=reports.server_address[1]))
        assert stack._answers("pages")  # it redirects to reports that are not there yet
    with ProviderServer() as failing:
        failing.fail(Fault(status=500), times=None)
        assert not Stack(Services(home=tmp_path, pages_port=failing.port))._answers("pages")


def test_a_stream_that_does_not_run_is_not_added_to_what_runs(
    config: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(config.model_copy(update={"stream": "sample"}))
    monkeypatch.setattr(stack.supervisor, "is_running", lambda: True)
    with pytest.raises(ServiceError, match="it runs with no stream, not with that of sample"):
        stack._check_start(("api",))
