"""The members that a backtest combines: their weights, and how far their history is known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.backtest.market import Market, day
from pipelines.core.universes import MemberCount, Universe, count_members
from pipelines.scoring.weights import Weights


def member_weights(
    rows: pa.Table, members: Universe, closes_at: np.ndarray, session: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' weights at each bar, and at which bars any of them was known.

    They are the weights that a published signal would have had: a member whose weight is not
    known weighs nothing, and neither does who is no member on the date of the session. Where no
    weight is known, all members of the date weigh the same.
    """
    weights = Weights(members.index, rows).at_bars(closes_at, session).of_members(members.symbols)
    is_member = members.membership(session)
    known = (np.isfinite(weights) & is_member).any(axis=1)
    equal = is_member / np.maximum(1, is_member.sum(axis=1, keepdims=True))
    weights = np.where(known[:, None], weights, equal)
    return np.where(np.isfinite(weights) & is_member, weights, 0.0), known


def count_market_members(market: Market, members: Universe, session: np.ndarray) -> MemberCount:
    """Count the members of the scored sessions that have bars."""
    return count_members(members, pc.unique(market.bars["symbol"]).to_pylist(), session)


def describe_membership(members: Universe, session: np.ndarray) -> str:
    """Say who counts as a member at a bar, and how far that takes survivorship out."""
    if not members.is_dated:
        listed = f"listed on {members.listed}" if members.listed else "its file lists them"
        return (
            f"Members are those of {members.name} as {listed}; who was a member earlier is not "
            "known, so that survivorship is not excluded."
        )
    first, last = day(session.min()), day(session.max())
    joined = sum(first < member.start <= last for member in members.members if member.start)
    left = sum(first < member.end <= last for member in members.members if member.end)
    undated = sum(member.start is None for member in members.members)
    return (
        f"Members at a bar are those of {members.name} on its date: {joined} joined and {left} "
        f"left within the span. {undated} of {len(members.members)} memberships have no 'from' and "
        "count from the beginning: survivorship is excluded as far as the file goes."
    )
