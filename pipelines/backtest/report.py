"""A backtest as files: the same backtest gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.backtest.measure import Figure
from pipelines.backtest.run import Backtest

NAMES = {
    "rank_ic": "rank IC of the expected score",
    "ic": "IC of the expected score",
    "hit_rate": "hit rate of buys and sells",
    "hit_rate_of_one_side": "... had all of them been of the better side",
    "accuracy": "accuracy over the five actions",
    "macro_f1": "macro F1",
}
WAYS = {
    "signal": "signal",
    "tuned": "tuned",
    "policy": "policy",
    "always_long": "always long",
}


def files(of: Backtest, picture: bytes) -> dict[str, bytes]:
    """Every file by its name."""
    return {
        "report.json": (json.dumps(plain(of), indent=1) + "\n").encode(),
        "report.md": markdown(of).encode(),
        "predictions.parquet": _parquet(of.predictions),
        "signals.parquet": _parquet(of.signals),
        "symbols.csv": _csv(of.symbols),
        "equity.png": picture,
    }


def plain(of: Backtest) -> dict[str, Any]:
    return {
        "about": of.about,
        "figures": {name: one.plain() for name, one in of.figures.items()},
        "shares": of.shares,
        "returns": of.returns,
        "windows": of.windows,
        "symbols": of.symbols,
        "notes": of.notes,
    }


def _parquet(table: pa.Table) -> bytes:
    made = io.BytesIO()
    pq.write_table(table, made, compression="zstd")
    return made.getvalue()


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    made = io.StringIO()
    writer = csv.DictWriter(made, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue().encode()


def figure_rows(of: Backtest) -> list[tuple[object, ...]]:
    """What the predictions were worth: name, value, interval."""
    return [(NAMES[name], f"{one.value:.4f}", _between(one)) for name, one in of.figures.items()]


def _between(one: Figure, percent: bool = False) -> str:
    if one.low is None or one.high is None:
        return ""
    if percent:
        return f"{one.low:+.2%} to {one.high:+.2%}"
    return f"{one.low:.4f} to {one.high:.4f}"


def return_rows(of: Backtest) -> list[tuple[object, ...]]:
    """What was earned: a row a figure, a column a way of trading."""
    columns = zip(*(_returns(name, of) for name in of.returns), strict=True)
    rows = [(what, *cells) for what, cells in zip(RETURNS, columns, strict=True)]
    return [row for row in rows if any(row[1:])]


def return_columns(of: Backtest) -> tuple[str, ...]:
    return ("", *(WAYS[name] for name in of.returns))


RETURNS = (
    "net", "interval", "gross", "cost", "of gross over night", "net beyond always long",
    "interval", "worst fall", "bars with a change", "bars held", "bars won of those held",
)  # fmt: skip


def _returns(name: str, of: Backtest) -> tuple[object, ...]:
    one = of.returns[name]
    net, beyond = Figure(**one["net"]), Figure(**one["beyond_always_long"])
    itself = name == "always_long"
    return (
        f"{net.value:+.2%}",
        _between(net, percent=True),
        f"{one['gross']:+.2%}",
        f"{one['cost']:.2%}",
        f"{one['over_night']:+.2%}",
        "" if itself else f"{beyond.value:+.2%}",
        "" if itself else _between(beyond, percent=True),
        f"{one['worst_fall']:.2%}",
        one["changes"],
        f"{one['bars_held']:.0%}",
        "" if one["bars_won"] is None else f"{one['bars_won']:.1%}",
    )


WINDOW_COLUMNS = (
    "", "sessions", "model", "trained as of", "rows", "hit rate", "rank IC", "macro F1", "net",
    "gates",
)  # fmt: skip


def window_rows(of: Backtest) -> list[tuple[object, ...]]:
    made: list[tuple[object, ...]] = []
    for one in of.windows:
        version = f" {one['model_version']}" if "model_version" in one else ""
        made.append(
            (
                one["window"],
                f"{one['first_session']} to {one['last_session']}",
                f"{one['model']}{version}",
                _trained(one),
                one["rows"],
                _short(one["hit_rate"]),
                _short(one["rank_ic"]),
                _short(one["macro_f1"]),
                f"{one['net']:+.2%}",
                "proven" if one["proven"] else "refused",
            )
        )
    return made


SHORT_COLUMNS = ("from", "model", "rows", "hit rate", "rank IC", "net", "gates")


def short_rows(of: Backtest) -> list[tuple[object, ...]]:
    """The windows, for a terminal."""
    return [
        (one["first_session"], *row[2:3], *row[4:7], *row[8:])
        for one, row in zip(of.windows, window_rows(of), strict=True)
    ]


def _trained(one: dict[str, Any]) -> str:
    at = one["trained_as_of"][:16].replace("T", " ")
    return at if one["training_rows"] is None else f"{at}, {one['training_rows']:,} rows"


SYMBOL_COLUMNS = ("symbol", "rows", "hit rate", "rank IC", "IC", "macro F1")


def symbol_rows(of: Backtest) -> list[tuple[object, ...]]:
    names = ("hit_rate", "rank_ic", "ic", "macro_f1")
    return [(s["symbol"], s["rows"], *(_short(s[n]) for n in names)) for s in of.symbols]


SHARE_COLUMNS = ("action", "happened", "said")


def share_rows(of: Backtest) -> list[tuple[object, ...]]:
    return [(s["action"], f"{s['happened']:.1%}", f"{s['said']:.1%}") for s in of.shares]


THRESHOLD_COLUMNS = ("window", "buys at", "sells at", "net as declared", "net as tuned")


def threshold_rows(of: Backtest) -> list[tuple[object, ...]]:
    """The thresholds chosen for each window; none where nothing was tuned."""
    return [
        (w["window"], w["buy_at"], w["sell_at"], f"{w['net']:+.2%}", f"{w['net_tuned']:+.2%}")
        for w in of.windows
        if "net_tuned" in w
    ]


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def headline(of: Backtest) -> str:
    about = of.about
    return (
        f"{about['forecast']} on {about['source']}, {about['universe']}: "
        f"{about['first_session']} to {about['last_session']}, {about['sessions']} sessions, "
        f"{of.predictions.num_rows:,} predictions, snapshot {about['snapshot']}"
    )


def markdown(of: Backtest) -> str:
    """The whole report to be read."""
    parts = [
        f"# Backtest: {headline(of)}",
        _asked(of),
        "![equity](equity.png)",
        "## Predictions\n\n" + _table(("", "value", "interval"), figure_rows(of)),
        _table(SHARE_COLUMNS, share_rows(of)),
        "## Returns\n\n" + _table(return_columns(of), return_rows(of)),
        "## Windows\n\n" + _table(WINDOW_COLUMNS, window_rows(of)),
    ]
    if threshold_rows(of):
        parts.append("## Thresholds\n\n" + _table(THRESHOLD_COLUMNS, threshold_rows(of)))
    parts += [
        "## Symbols\n\n" + _table(SYMBOL_COLUMNS, symbol_rows(of)),
        "## What the gates said\n\n"
        + "\n".join(f"- window {one['window']}: {one['reason']}" for one in of.windows),
        "## What this rests on\n\n" + "\n".join(f"- {note}" for note in of.notes),
    ]
    return "\n\n".join(parts) + "\n"


def _asked(of: Backtest) -> str:
    about = of.about
    said = [about["how"][:1].upper() + about["how"][1:]]
    if not any("model_version" in one for one in of.windows):
        said.append(
            f"Retrained every {about['retrain_sessions']} sessions on up to "
            f"{about['history_days']:g} days; candidates {', '.join(about['candidates'])}"
        )
    said.append(
        f"Buys at {about['buy_at']:g}, sells at {about['sell_at']:g}; cost {about['cost']:g} of "
        f"what changes hands; intervals hold {about['confidence']:.0%}"
    )
    if about["policy"]:
        said.append(f"Policy: {about['policy']}")
    return ". ".join(said) + "."


def _table(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
