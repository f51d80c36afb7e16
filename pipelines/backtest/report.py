"""Write a backtest as files: the same backtest gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.backtest.run import Backtest
from pipelines.gates.intervals import Figure

FIGURE_NAMES = {
    "acting_share": "share of the predictions that act, and do not hold",
    "published_rank_ic": "rank IC of the published score",
    "rank_ic": "rank IC of the expected score",
    "wss_rank_ic": "rank IC of the WSS with the index's next return",
    "expected_wss_rank_ic": "rank IC of the expected WSS with it",
    "ic": "IC of the expected score",
    "hit_rate": "hit rate of buys and sells",
    "hit_rate_of_one_side": "... had all of them been of the better side",
    "accuracy": "accuracy over the actions",
    "macro_f1": "macro F1",
    "r2": "share of the variance explained (R squared)",
    "coverage": "outcomes inside the interval",
}
FIT_NAMES = {"classes": ("macro_f1", "macro F1"), "value": ("r2", "R squared")}  # by kind
WAYS_OF_TRADING = {
    "signal": "signal",
    "tuned": "tuned",
    "policy": "policy",
    "always_long": "always long",
}


def build_files(result: Backtest, picture: bytes) -> dict[str, bytes]:
    """Return every file by its name."""
    return {
        "report.json": (json.dumps(build_document(result), indent=1) + "\n").encode(),
        "report.md": build_markdown(result).encode(),
        "predictions.parquet": _parquet(result.predictions),
        "signals.parquet": _parquet(result.signals),
        "symbols.csv": _csv(result.symbols),
        "equity.png": picture,
    }


def build_document(result: Backtest) -> dict[str, Any]:
    """Build the content of report.json."""
    return {
        "about": result.about,
        "figures": {name: figure.as_dict() for name, figure in result.figures.items()},
        "shares": result.shares,
        "returns": result.returns,
        "windows": result.windows,
        "symbols": result.symbols,
        "notes": result.notes,
    }


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def figure_rows(result: Backtest) -> list[tuple[object, ...]]:
    """Build the rows on predictions: name, value, interval."""
    return [
        (FIGURE_NAMES[name], _format_value(figure), _format_interval(figure))
        for name, figure in result.figures.items()
    ]


def _format_value(figure: Figure) -> str:
    """Return a figure as text; a hit rate of nothing that acts is none."""
    return f"{figure.value:.4f}" if isfinite(figure.value) else "none"


def _format_interval(figure: Figure, percent: bool = False) -> str:
    if figure.low is None or figure.high is None:
        return ""
    if percent:
        return f"{figure.low:+.2%} to {figure.high:+.2%}"
    return f"{figure.low:.4f} to {figure.high:.4f}"


def return_rows(result: Backtest) -> list[tuple[object, ...]]:
    """Build the rows on returns: a row for each figure, a column for each way of trading."""
    columns = zip(*(_returns(name, result) for name in result.returns), strict=True)
    rows = [(what, *cells) for what, cells in zip(RETURNS, columns, strict=True)]
    return [row for row in rows if any(row[1:])]


def return_columns(result: Backtest) -> tuple[str, ...]:
    return ("", *(WAYS_OF_TRADING[name] for name in result.returns))


RETURNS = (
    "net", "interval", "gross", "cost", "of gross over night", "net beyond always long",
    "interval", "worst fall", "bars with a change", "bars held", "bars won of those held",
)  # fmt: skip


def _returns(name: str, result: Backtest) -> tuple[object, ...]:
    returns = result.returns[name]
    net, beyond = Figure(**returns["net"]), Figure(**returns["beyond_always_long"])
    is_always_long = name == "always_long"
    return (
        f"{net.value:+.2%}",
        _format_interval(net, percent=True),
        f"{returns['gross']:+.2%}",
        f"{returns['cost']:.2%}",
        f"{returns['over_night']:+.2%}",
        "" if is_always_long else f"{beyond.value:+.2%}",
        "" if is_always_long else _format_interval(beyond, percent=True),
        f"{returns['worst_fall']:.2%}",
        returns["changes"],
        f"{returns['bars_held']:.0%}",
        "" if returns["bars_won"] is None else f"{returns['bars_won']:.1%}",
    )


def window_columns(result: Backtest) -> tuple[str, ...]:
    fit_name = FIT_NAMES[result.about["kind"]][1]
    return (
        "", "sessions", "model", "trained as of", "rows", "acts", "hit rate", "rank IC", fit_name,
        "net", "gates",
    )  # fmt: skip


def window_rows(result: Backtest) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for window in result.windows:
        version = f" {window['model_version']}" if "model_version" in window else ""
        rows.append(
            (
                window["window"],
                f"{window['first_session']} to {window['last_session']}",
                f"{window['model']}{version}",
                _describe_training(window),
                window["rows"],
                _format_share(window["acting_share"]),
                _format_short(window["hit_rate"]),
                _format_short(window["published_rank_ic"]),
                _format_short(window[FIT_NAMES[result.about["kind"]][0]]),
                f"{window['net']:+.2%}",
                "proven" if window["proven"] else "refused",
            )
        )
    return rows


SHORT_COLUMNS = ("from", "model", "rows", "acts", "hit rate", "rank IC", "net", "gates")


def short_rows(result: Backtest) -> list[tuple[object, ...]]:
    """Build the rows of the windows as a terminal shows them."""
    return [
        (window["first_session"], *row[2:3], *row[4:8], *row[9:])
        for window, row in zip(result.windows, window_rows(result), strict=True)
    ]


def _describe_training(window: dict[str, Any]) -> str:
    at = window["trained_as_of"][:16].replace("T", " ")
    return at if window["training_rows"] is None else f"{at}, {window['training_rows']:,} rows"


def symbol_columns(result: Backtest) -> tuple[str, ...]:
    fit_name = FIT_NAMES[result.about["kind"]][1]
    return (
        "symbol", "rows", "acts", "hit rate", "rank IC", "of expected score",
        "IC of expected score", fit_name,
    )  # fmt: skip


def symbol_rows(result: Backtest) -> list[tuple[object, ...]]:
    fit_figure = FIT_NAMES[result.about["kind"]][0]
    names = ("hit_rate", "published_rank_ic", "rank_ic", "ic", fit_figure)
    return [
        (
            row["symbol"],
            row["rows"],
            _format_share(row["acting_share"]),
            *(_format_short(row[name]) for name in names),
        )
        for row in result.symbols
    ]


SHARE_COLUMNS = ("action", "happened", "said")


def share_rows(result: Backtest) -> list[tuple[object, ...]]:
    return [(s["action"], f"{s['happened']:.1%}", f"{s['said']:.1%}") for s in result.shares]


TUNED_NAMES = {
    "buy_at": "buys at",
    "sell_at": "sells at",
    "least_confidence": "acts from a confidence of",
}


def threshold_columns(result: Backtest) -> tuple[str, ...]:
    names = [TUNED_NAMES[name] for name in _tuned_names(result)]
    return ("window", *names, "net as declared", "net as tuned")


def threshold_rows(result: Backtest) -> list[tuple[object, ...]]:
    """Build the rows of the thresholds of each window; none where nothing was tuned."""
    return [
        (
            window["window"],
            *(window[name] for name in _tuned_names(result)),
            f"{window['net']:+.2%}",
            f"{window['net_tuned']:+.2%}",
        )
        for window in result.windows
        if "net_tuned" in window
    ]


def _tuned_names(result: Backtest) -> list[str]:
    return [name for name in TUNED_NAMES if name in result.windows[0]]


def _format_share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _format_short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def headline(result: Backtest) -> str:
    about = result.about
    return (
        f"{about['forecast']} on {about['source']}, {about['universe']}: "
        f"{about['first_session']} to {about['last_session']}, {about['sessions']} sessions, "
        f"{result.predictions.num_rows:,} predictions, snapshot {about['snapshot']}"
    )


def build_markdown(result: Backtest) -> str:
    """Write the report as Markdown."""
    parts = [
        f"# Backtest: {headline(result)}",
        _describe_request(result),
        "![equity](equity.png)",
        "## Predictions\n\n" + _table(("", "value", "interval"), figure_rows(result)),
        _table(SHARE_COLUMNS, share_rows(result)),
        "## Returns\n\n" + _table(return_columns(result), return_rows(result)),
        "## Windows\n\n" + _table(window_columns(result), window_rows(result)),
    ]
    if threshold_rows(result):
        thresholds = _table(threshold_columns(result), threshold_rows(result))
        parts.append("## Thresholds\n\n" + thresholds)
    parts += [
        "## Symbols\n\n" + _table(symbol_columns(result), symbol_rows(result)),
        "## What the gates decided\n\n"
        + "\n".join(
            f"- window {window['window']}: {window['reason']}" for window in result.windows
        ),
        "## What this rests on\n\n" + "\n".join(f"- {note}" for note in result.notes),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_request(result: Backtest) -> str:
    about = result.about
    sentences = [about["how"][:1].upper() + about["how"][1:]]
    if not any("model_version" in window for window in result.windows):
        sentences.append(
            f"Retrained every {about['retrain_sessions']} sessions on up to "
            f"{about['history_days']:g} days; candidates {', '.join(about['candidates'])}"
        )
    if about["least_confidence"] is not None:
        sentences.append(
            f"The likeliest action counts where its probability is at least "
            f"{about['least_confidence']:g}, else it is hold"
        )
    sentences.append(
        f"Buys at {about['buy_at']:g}, sells at {about['sell_at']:g}; cost {about['cost']:g} of "
        f"what changes hands; intervals hold {about['confidence']:.0%}"
    )
    if about["policy"]:
        sentences.append(f"Policy: {about['policy']}")
    return ". ".join(sentences) + "."


def _table(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
