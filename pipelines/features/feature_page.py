"""The 114 features as a page: `python -m pipelines.features.feature_page` updates it."""

from __future__ import annotations

from pipelines.core.settings import ROOT
from pipelines.features import FAMILIES, INTRADAY, Feature, look_back

PAGE = ROOT / "pipelines" / "features" / "INTRADAY.md"
HEAD = f"""# The {len(INTRADAY)} features of minutes

Written by `python -m pipelines.features.feature_page` from [intraday.py](intraday.py); a test
holds it in step.

Each is a function of its window: the bar itself and those before it. So {look_back(INTRADAY) + 1}
bars give every value, the same as all history does, and nothing is taken from a whole sample. A
value that cannot be computed (no quote, no volume, too few bars) is null and the row is not scored;
a missing input of news has the neutral value that stands here, and a flag beside it says so.
"""
SIGNS = {
    "`o` `h` `l` `c` `v`": "open, high, low, close, and volume (of oanda a count of prices)",
    "`bid` `ask`": "the quotes at the close",
    "`x[k]`": "the value of k bars before",
    "`r`": "`ln(c / c[1])`, the log-return of the bar",
    "`tr`": "`max(h, c[1]) - min(l, c[1])`, the true range",
    "`sum` `mean` `max` `min` `(x, n)`": "over the last n bars, this one included",
    "`sd(x, n)` `cov(x, y; n)`": "deviation and covariance over the last n bars, by n - 1",
    "`ema(x, n)`": "the mean of the window's first n values, which each later one moves by "
    "2 / (n + 1) of the way: TA-Lib's of the window alone",
    "`rank(x, n)`": "the share of the n - 1 values before that are smaller; equal ones count half",
    "`place` `weekday`": "which bar of its session, which day of the week its date is, from 0",
}


def build_page() -> str:
    """Return the page as the declarations have it."""
    signs = [f"| {sign} | {meaning} |" for sign, meaning in SIGNS.items()]
    head = [HEAD, "| sign | what it is |", "|---|---|", *signs, ""]
    return "\n".join([*head, *(_build_section(*family) for family in FAMILIES.items())])


def _build_section(name: str, features: tuple[Feature, ...]) -> str:
    lines = [
        f"## {name} ({len(features)})",
        "",
        "| feature | meaning | unit | window | formula | if an input is missing |",
        "|---|---|---|---|---|---|",
    ]
    for f in features:
        formula = f.formula.replace("|", "\\|")
        neutral = "0" if f.is_flag else "null" if f.neutral is None else f"{f.neutral:g}"
        lines.append(
            f"| `{f.name}` | {f.meaning} | {f.unit} | {f.window} | `{formula}` | {neutral} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the page."""
    PAGE.write_text(build_page())


if __name__ == "__main__":
    main()
