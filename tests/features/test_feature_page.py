"""The page of the minutes' features lists them as they are declared."""

from __future__ import annotations

from pipelines.features import FAMILIES, INTRADAY
from pipelines.features.feature_page import PAGE, build_page


def test_the_page_lists_the_features_as_they_are() -> None:
    text = PAGE.read_text()
    assert text == build_page(), "run: python -m pipelines.features.feature_page"
    assert [name for name in FAMILIES if f"## {name} (" in text] == list(FAMILIES)


def test_each_feature_is_described_once() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for feature in INTRADAY:
        (row,) = (line for line in rows if line.startswith(f"| `{feature.name}` |"))
        assert feature.meaning in row
        assert f" {feature.window} " in row
        assert row.replace("\\|", "/").count("|") == 7
