"""Evidently's reports on live rows, as pages that load nothing from outside."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates import Evidence
from pipelines.gates.drift import Measure, distances
from pipelines.labels import Label
from pipelines.monitoring.kinds import watched
from pipelines.monitoring.live import LiveRows

LEAST_ROWS = 100  # of live rows that a distance is told from: fewer look far from anything

# The pages carry their scripts; their browser is told to fetch nothing.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    'img-src data: blob:; font-src data:; worker-src blob:">'
)


@dataclass(frozen=True)
class Drifted:
    """How far live rows lie from the rows that the model was trained on."""

    share: float  # of the features that moved or cannot be compared
    labels: float  # distance of the shares of the classes, or of fifths of the values
    moved: Mapping[str, float]  # in standard deviations of the training rows
    broken: tuple[str, ...]  # features that cannot be compared
    page: bytes

    @property
    def reason(self) -> str:
        far = ", ".join(f"{name} by {by:.2f}" for name, by in list(self.moved.items())[:5])
        told = (
            f"a share of {self.share:.2f} of the features has drifted{f' ({far})' if far else ''}"
        )
        lost = f"; nothing to compare of {', '.join(self.broken)}" if self.broken else ""
        return f"{told}{lost}; labels lie {self.labels:.3f} apart"


def drift(evidence: Evidence, measure: Measure | None = None) -> Drifted:
    """Hold live rows, which are the judging rows here, against training rows."""
    names, training, live = evidence.feature_names, evidence.training, evidence.judging
    if len(live) < LEAST_ROWS:
        raise InvalidRequest(
            f"{len(live)} live rows are too few to tell drift from chance",
            f"wait for {LEAST_ROWS}",
        )
    measure = measure or Measure()
    sound = [
        column
        for column in range(len(names))
        if _varies(training.features[:, column]) and _some(live.features[:, column])
    ]
    broken = tuple(name for column, name in enumerate(names) if column not in sound)
    if not sound:
        raise InvalidRequest(
            f"no feature can be compared: {', '.join(names)} are missing from the live rows, or "
            "constant in the training rows",
            "look at silver.gaps and silver.quarantine for what became of the bars",
        )
    columns = [*sound, len(names)]
    compared = replace(
        evidence,
        feature_names=tuple(names[column] for column in sound),
        training=replace(training, features=training.features[:, columns]),
        judging=replace(live, features=live.features[:, columns]),
    )
    found = distances(compared, measure)
    moved = {name: found.features[name] for name in measure.drifted(found)}
    share = (len(moved) + len(broken)) / len(names)
    return Drifted(share, found.labels, moved, broken, offline(found.report))


def _varies(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)].astype(np.float64)
    return len(known) > 1 and bool(np.std(known) > 0)


def _some(values: np.ndarray) -> bool:
    return int(np.isfinite(values).sum()) >= LEAST_ROWS // 2


def quality(label: Label, live: LiveRows) -> bytes:
    """Evidently's report on what was said beside what happened."""
    frame, definition, preset = watched(label.kind).page(label, live)
    from evidently import Dataset, Report

    made = Report([preset]).run(Dataset.from_pandas(frame, data_definition=definition), None)
    return offline(made.get_html_str(as_iframe=False).encode())


def offline(page: bytes) -> bytes:
    """The page, told to load nothing; what it would have linked to is taken out."""
    cut = re.sub(rb"<link\b[^>]*\bhref=.?https?:[^>]*>", b"", page)
    made, found = re.subn(rb"<head\b[^>]*>", lambda m: m[0] + POLICY.encode(), cut, count=1)
    return made if found else b"<!DOCTYPE html><head>" + POLICY.encode() + b"</head>" + made


def index(pages: Sequence[tuple[str, str, str, Mapping[str, str]]], title: str) -> str:
    """The first page: (forecast, source, date, link by kind of report) in the order given."""
    rows = "".join(
        f"<tr><td>{html.escape(date)}</td><td>{html.escape(forecast)}</td>"
        f"<td>{html.escape(source)}</td><td>"
        + " ".join(
            f'<a href="{html.escape(link)}">{html.escape(kind)}</a>' for kind, link in links.items()
        )
        + "</td></tr>"
        for forecast, source, date, links in pages
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{html.escape(title)}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
        padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #ddd; padding: .35rem .6rem; text-align: left; }}
</style></head><body><h1>{html.escape(title)}</h1>
<p>What live rows look like beside the rows each model was trained on, and what was said beside what
happened, newest first. The figures are rows of <code>gold.runs</code>, step
<code>monitor</code>.</p>
<table><tr><th>date</th><th>forecast</th><th>source</th><th>reports</th></tr>{rows}</table>
</body></html>
"""
