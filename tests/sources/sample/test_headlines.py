"""Made-up headlines carry their tone in their words, and are of the topic they are for."""

from __future__ import annotations

import itertools

import pytest

from pipelines.core.topics import topic
from pipelines.landing.languages import detect_language
from pipelines.sources.sample.headlines import (
    FOREIGN,
    NEGATIVE,
    NEUTRAL,
    OFF_TOPIC,
    POSITIVE,
    build_foreign,
    build_off_topic,
    build_title,
)

GOOD = ("rall", "surg", "jump", "climb", "gain", "soar", "advanc", "rebound")
BAD = ("tumbl", "slump", "plung", "slid", "drop", "sink", "retreat", "fall")


@pytest.mark.parametrize("tone", [NEGATIVE, NEUTRAL, POSITIVE])
def test_a_title_says_its_tone_and_its_topic(tone: int) -> None:
    about = topic("sp500")
    for form, first, second in itertools.product(range(4), range(0, 160, 7), range(0, 320, 13)):
        title, summary = build_title(tone, form, first, second, 123)
        assert about.matches(f"{title} {summary}"), title
        words = title.lower().split()
        has_good, has_bad = (any(w.startswith(stems) for w in words) for stems in (GOOD, BAD))
        assert has_good == (tone == POSITIVE), title
        assert has_bad == (tone == NEGATIVE), title


def test_other_stories_are_of_another_topic() -> None:
    for form in range(len(OFF_TOPIC)):
        assert not topic("sp500").matches(" ".join(build_off_topic(form, 12)))


def test_titles_in_other_languages_read_like_them() -> None:
    for form, tone in itertools.product(range(len(FOREIGN)), (NEGATIVE, NEUTRAL, POSITIVE)):
        title, code, _ = build_foreign(tone, form, 77)
        assert detect_language(title) == code
        assert topic("sp500").matches(title)
