"""Tones of titles: TextBlob's polarity and subjectivity, and two counts of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TONES = ("polarity", "subjectivity", "financial_tone", "policy_tone")
WORDS = {
    "financial_tone": ("gain gains rise rises rally beat", "loss losses fall falls slump miss"),
    "policy_tone": ("easing cut cuts stimulus", "tightening hike hikes hawkish"),
}


def title_tones(titles: Sequence[str]) -> dict[str, np.ndarray]:
    """Return four tones of each title."""
    from textblob.en import sentiment  # the API imports packages that import this one

    scores = np.array([sentiment(title) for title in titles], float).reshape(-1, 2)
    tones = {"polarity": scores[:, 0].clip(-1, 1), "subjectivity": scores[:, 1].clip(0, 1)}
    for name, (good, bad) in WORDS.items():
        tones[name] = np.array([_tone(title, good.split(), bad.split()) for title in titles], float)
    return tones


def _tone(title: str, good: list[str], bad: list[str]) -> float:
    words = title.casefold().split()
    ups, downs = sum(word in good for word in words), sum(word in bad for word in words)
    return (ups - downs) / max(1, ups + downs)
