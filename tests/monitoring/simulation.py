"""Simulate how often and when LiveSkill fails a champion: python -m tests.monitoring.simulation

A session's rank IC is drawn as a normal number around the true one, its spread that of so many
symbols of seven bars; the bounds are those of the mean over sessions.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t

from pipelines.gates import DirectionSkill
from pipelines.monitoring.live_skill import LiveSkill

YEAR, JUDGED, BARS = 250, 50, 7
CONFIDENCE = DirectionSkill().confidence
NEVER = 10_000


def spread_for(symbols: int) -> float:
    """Of one session's rank IC."""
    return 1 / float(np.sqrt(symbols * BARS))


def credit(judged: float, symbols: int) -> float:
    """The lower bound that a gate gives to what it judged."""
    return judged - float(t.ppf(CONFIDENCE, JUDGED - 1)) * spread_for(symbols) / float(
        np.sqrt(JUDGED)
    )


def simulate_rollbacks(
    true: float, credited: float, symbols: int, years: int, rule: LiveSkill, seed: int = 0
) -> np.ndarray:
    """The session after which each year's champion is rolled back, or NEVER."""
    ics = np.random.default_rng(seed).normal(true, spread_for(symbols), (years, YEAR))
    sums, squares = (np.pad(x.cumsum(axis=1), ((0, 0), (1, 0))) for x in (ics, ics**2))
    first = np.full(years, NEVER)
    for now in range(rule.least, YEAR + 1):
        edges = np.array_split(np.arange(max(0, now - rule.window), now), rule.looks)
        below = np.ones(years, bool)
        for part in edges:
            start, end, count = part[0], part[-1] + 1, len(part)
            mean = (sums[:, end] - sums[:, start]) / count
            var = (squares[:, end] - squares[:, start]) / count - mean**2
            error = np.sqrt(np.maximum(var, 0) / (count - 1))
            below &= mean + t.ppf(CONFIDENCE, count - 1) * error < credited
        first[below & (first == NEVER)] = now
    return first


def main() -> None:
    rule = LiveSkill()
    for name, true in (("as judged", 0.17), ("at its lower bound", credit(0.17, 30))):
        for looks in (1, 2):
            sessions = simulate_rollbacks(true, credit(0.17, 30), 30, 3000, LiveSkill(looks=looks))
            print(f"{name}, {looks} looks: {np.mean(sessions < NEVER):.2%} of the years")
    for judged in (0.17, 0.05):
        for symbols in (100, 30, 10):
            sessions = simulate_rollbacks(0.0, credit(judged, symbols), symbols, 1000, rule)
            print(
                f"no skill, judged {judged}, {symbols} symbols, credited"
                f" {credit(judged, symbols):.3f}: {np.mean(sessions < NEVER):.1%} of the years,"
                f" median {np.median(sessions):.0f} sessions, the slowest tenth"
                f" {np.quantile(sessions, 0.9):.0f}"
            )


if __name__ == "__main__":
    main()
