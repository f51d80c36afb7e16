"""Languages have ISO codes: as the source says, else as the title reads."""

from __future__ import annotations

import pytest

from pipelines.landing.languages import language_of


@pytest.mark.parametrize(
    ("language", "code"),
    [("English", "en"), ("en-US", "en"), ("eng", "en"), ("ZH_Hant", "zh"), ("malay", "ms")],
)
def test_what_the_source_says_counts(language: str, code: str) -> None:
    assert language_of(language, "Wall Street bricht ein") == code


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Stocks fall as investors fear higher interest rates", "en"),
        ("Wall Street bricht ein, Anleger fürchten die Zinsen", "de"),
        ("Wall Street bondit grâce à des résultats solides", "fr"),
        ("Ecco come puoi guadagnare con le azioni della borsa", "it"),
        ("शेयर बाजार आज खुला है", "hi"),
        ("株式市場は上昇した", "ja"),
        ("AAPL 3", "und"),
    ],
)
def test_else_the_title_tells(title: str, code: str) -> None:
    assert language_of(None, title) == code
    assert language_of("Klingon", title) == code
