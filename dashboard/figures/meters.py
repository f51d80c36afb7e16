"""Scales, bars and gauges of a few numbers, drawn as HTML: a page shows them at once.

A chart of Plotly costs a browser about 50 ms to draw; these cost nothing that can be measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dashboard import palette
from dashboard.words import label, number, percent, visible

Row = Mapping[str, Any]
ZONES = ((0.0, 0.5), (0.5, 0.8), (0.8, 1.0))  # of the gauge: from little to much uncertainty


def draw_scale(signal: Row, most: float) -> str:
    """Draw the WSS and the expected WSS on a scale whose zones are the signal's thresholds."""
    sell_at, buy_at = signal["thresholds"]["sell_at"], signal["thresholds"]["buy_at"]
    zones = "".join(
        _box(
            f"left:{_place(low, -most, most)};width:{_width(low, high, 2 * most)};top:1.7rem;"
            f"height:2.4rem;line-height:2.4rem;text-align:center;overflow:hidden;"
            f"color:{palette.MARKS[name].color};background:{_faint(palette.MARKS[name].color, 22)}",
            f"{palette.MARKS[name].sign} {name}",
        )
        for name, low, high in (
            ("SELL", -most, sell_at),
            ("HOLD", sell_at, buy_at),
            ("BUY", buy_at, most),
        )
    )
    hands = "".join(
        _text_at(place, top, f"{name} {number(value, 3, sign=True)}")
        + _sign_at(place, edge, sign, "1.2rem")
        for value, name, sign, top, edge in (
            (signal["wss"], "WSS", "▼", "0", "0.95rem"),
            (signal["expected_wss"], "expected WSS", "△", "4.75rem", "3.75rem"),
        )
        if value is not None
        for place in [_place(value, -most, most)]
    )
    ticks = "".join(
        _text_at(_place(value, -most, most), "6.2rem", f"{value:g}", "opacity:0.7")
        for value in dict.fromkeys((-most, sell_at, buy_at, most))
    )
    return _frame("7.6rem", zones + hands + ticks)


def draw_probabilities(target: Row, prediction: Row) -> str:
    """Draw the probability of each class, the highest score on top; a dot marks the action."""
    most = max(map(abs, target["scores"]), default=1.0)
    shares = prediction["probabilities"]
    longest = max(shares[name] for name in target["classes"]) or 1.0
    rows = "".join(
        f'<div style="text-align:right;white-space:nowrap">'
        f"{'● ' if name == prediction['action'] else ''}{_safe(label(name))}</div>"
        f'<div style="display:flex;align-items:center;gap:0.4rem">'
        f'<div style="width:{80 * shares[name] / longest:.2f}%;height:1.5rem;'
        f'background:{palette.blend(score, most)}"></div>{percent(shares[name])}</div>'
        for name, score in reversed(list(zip(target["classes"], target["scores"], strict=True)))
    )
    return (
        '<div style="font-weight:600;margin-bottom:0.5rem">Probability of each class</div>'
        '<div style="display:grid;grid-template-columns:auto 1fr;gap:0.45rem 0.6rem;'
        f'align-items:center;font-size:0.9rem">{rows}</div>'
    )


def draw_value(prediction: Row) -> str:
    """Draw a value with its interval, and where nothing would be."""
    low, value, high = (prediction[name] for name in ("value_low", "value", "value_high"))
    first, last = min(low, 0.0), max(high, 0.0)
    edge = (last - first) * 0.06 or 1.0
    first, last = first - edge, last + edge
    color = palette.mark_of(value).color
    line = f"left:{_place(0.0, first, last)};top:1.5rem;height:2.6rem;border-left:1px dotted"
    span = (
        f"left:{_place(low, first, last)};width:{_width(low, high, last - first)};top:2.4rem;"
        f"height:0.8rem;border-radius:0.4rem;background:{_faint(palette.FLAT, 55)}"
    )
    ends = "".join(
        _text_at(_place(end, first, last), "4.2rem", percent(end, 2, sign=bool(end)), "opacity:0.7")
        for end in dict.fromkeys((low, high))
    )
    place = _place(value, first, last)
    hand = _sign_at(place, "1.75rem", "◆", "1.6rem", color)
    title = f"Value, with its {percent(prediction['value_coverage'], 0)} interval"
    return f'<div style="font-weight:600">{title}</div>' + _frame(
        "5.6rem",
        _box(line) + _box(span) + hand + _text_at(place, "0.2rem", percent(value, 2, sign=True))
        + ends,
    )  # fmt: skip


def draw_risk(risk: Row) -> str:
    """Draw a gauge of the uncertainty, from none to one in which all classes are alike."""
    value = risk["uncertainty"]
    zones = "".join(
        _box(
            f"left:{_place(low, 0, 1)};width:{_width(low, high, 1)};top:0;height:1.6rem;"
            f"background:{_faint(palette.FLAT, 16 * step)}"
        )
        for step, (low, high) in enumerate(ZONES, 1)
    )
    bar = f"left:0;width:{_width(0, value, 1)};top:0.4rem;height:0.8rem;background:{palette.UP}"
    ends: Sequence[float] = sorted({end for zone in ZONES for end in zone})
    ticks = "".join(
        _text_at(_place(end, 0, 1), "1.8rem", percent(end, 0), "opacity:0.7") for end in ends
    )
    return (
        f'<div style="display:flex;justify-content:space-between;align-items:baseline">'
        f'<span style="font-weight:600">Uncertainty</span>'
        f'<span style="font-size:1.6rem">{percent(value)}</span></div>'
    ) + _frame("3.2rem", zones + _box(bar) + ticks)


def _safe(text: str) -> str:
    return escape(visible(text))


def _frame(height: str, content: str) -> str:
    """Return a box across the page, in which parts have their places."""
    return f'<div style="position:relative;height:{height};font-size:0.85rem">{content}</div>'


def _box(style: str, text: str = "") -> str:
    return f'<div style="position:absolute;white-space:nowrap;{style}">{_safe(text)}</div>'


def _text_at(place: str, top: str, text: str, style: str = "") -> str:
    """Return a text over a place; at the ends it stays inside: it is moved by its own share."""
    return _box(f"left:{place};top:{top};transform:translateX(-{place});{style}", text)


def _sign_at(place: str, top: str, sign: str, size: str, color: str = "inherit") -> str:
    """Return a sign whose middle is at a place."""
    return _box(
        f"left:{place};top:{top};transform:translateX(-50%);font-size:{size};line-height:1;"
        f"color:{color}",
        sign,
    )


def _place(value: float, low: float, high: float) -> str:
    """Return how far from the left a value stands; what is beyond an end stands at it."""
    return f"{100 * min(1.0, max(0.0, (value - low) / (high - low))):.2f}%"


def _width(low: float, high: float, whole: float) -> str:
    return f"{100 * max(0.0, high - low) / whole:.2f}%"


def _faint(color: str, part: int) -> str:
    """Return a colour of which so many percent are seen."""
    return f"{color}{round(255 * part / 100):02x}"
