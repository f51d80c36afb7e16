"""Sources by their names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT
from pipelines.sources import SOURCES, is_sample, source


def test_a_source_says_itself_whether_its_data_are_made_up() -> None:
    assert {name for name in SOURCES if is_sample(name)} == {"sample", "sample_noise"}
    assert not is_sample("sample_of_my_own")


def test_an_unknown_source_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        source("yaho")
    assert "yahoo" in f"{caught.value.message} {caught.value.hint}"


def test_the_api_can_ask_without_what_only_reading_needs() -> None:
    code = (
        "import sys; from pipelines.sources import SOURCES, is_sample; "
        "[is_sample(name) for name in SOURCES]; "
        "print({'pandas', 'scipy', 'yfinance', 'curl_cffi', 'httpx', 'tenacity', 'feedparser'} "
        "& set(sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.strip() == "set()", process.stderr
