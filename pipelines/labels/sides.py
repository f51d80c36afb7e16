"""The sides of a label: which actions a signal can be made of, and what each is worth."""

from __future__ import annotations

from pipelines.labels.base import Label

Sides = tuple[tuple[str, ...], tuple[float, ...]]  # actions, and the score of each
SIGN_SIDES: Sides = (("sell", "hold", "buy"), (-1.0, 0.0, 1.0))  # of the sign of a value


def sides_of(label: Label) -> Sides:
    """Return the classes and scores of a label, of a value those of its sign.

    There are none where no class is opposite to another, such as among risks.
    """
    if not label.classes:
        return SIGN_SIDES
    if not label.scores or not min(label.scores) < 0 < max(label.scores):
        return (), ()
    return label.classes, label.scores
