"""Headlines of made-up words in the form of SEntFiN, whose words speak of their label."""

from __future__ import annotations

import numpy as np

VERBS = {
    "positive": ("soars", "rallies", "climbs", "brightens", "wins"),
    "negative": ("slumps", "tumbles", "sinks", "darkens", "loses"),
    "neutral": ("meets", "moves", "names", "opens", "plans"),
}
NOUNS = ("maker", "lender", "miner", "grocer", "carrier", "builder", "printer", "brewer")
ENDS = ("on Tuesday", "in the north", "after a review", "at noon", "for a year", "by 12%")


def made_titles(count: int, seed: int = 0) -> list[str]:
    """Return titles alone."""
    lines = sentfin_csv(count, seed).decode().splitlines()[1:]
    return [line.split(",")[1] for line in lines][:count]


def sentfin_csv(count: int, seed: int = 0) -> bytes:
    """Return a file of headlines, a tenth of which have the verb of another label."""
    rng = np.random.default_rng(seed)
    lines = ["S No.,Title,Decisions,Words"]
    labels = list(VERBS)
    for number in range(count):
        label, speaker = labels[rng.integers(3)], labels[rng.integers(3)]
        verb = rng.choice(VERBS[label if rng.random() > 0.1 else speaker])
        names = "".join(chr(97 + digit) for digit in rng.integers(26, size=7))
        title = f"{names} {rng.choice(NOUNS)} {verb} {rng.choice(ENDS)}"
        lines.append(f"{number},{title},{{'{names}': '{label}'}},5")
        if rng.random() < 0.1:
            lines.append(f"{number},{title} again,{{'{names}': '{label}'}},6")
    return "\n".join(lines).encode()
