"""Sources by their names."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.core.errors import InvalidRequest
from pipelines.core.settings import ROOT
from pipelines.sources import (
    DATASETS,
    SOURCES,
    is_sample,
    source,
    source_class,
    source_with,
    sources_of,
)


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


def test_what_a_source_offers_is_read_without_importing_it() -> None:
    for dataset in DATASETS:
        having = [name for name in SOURCES if dataset in source_class(name).datasets]
        assert list(sources_of(dataset)) == having
    code = "import sys; from pipelines.sources import sources_of; sources_of('bars'); "
    code += "print({m for m in sys.modules if m.startswith('pipelines.sources.')})"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.strip() == "set()", process.stderr


def test_a_source_without_a_dataset_is_refused_with_those_that_have_it() -> None:
    assert source_with("sample", "news").name == "sample"
    with pytest.raises(InvalidRequest, match="yahoo has no news, but bars and weights") as caught:
        source_with("yahoo", "news")
    assert ", ".join(sources_of("news")) in caught.value.hint
    with pytest.raises(InvalidRequest, match="unknown dataset 'prices'"):
        sources_of("prices")


def test_a_source_of_news_alone_is_refused_for_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources._declared_datasets", lambda module: ("news",))
    sources_of.cache_clear()
    try:
        with pytest.raises(InvalidRequest, match="sample has no bars, but news"):
            source_with("sample", "bars")
    finally:
        sources_of.cache_clear()
