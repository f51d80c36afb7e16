"""Tones of titles lie within their bounds."""

from __future__ import annotations

from pipelines.sentiment.tones import TONES, title_tones


def test_titles_have_four_tones() -> None:
    tones = title_tones(["Stocks rally on great earnings", "Stocks slump on awful losses"])
    assert tuple(tones) == TONES
    assert tones["financial_tone"].tolist() == [1.0, -1.0]
    assert tones["polarity"][0] > tones["polarity"][1]
    assert len(title_tones([])["polarity"]) == 0
