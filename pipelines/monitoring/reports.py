"""Evidently's reports on live rows, as pages that load nothing from outside."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.errors import InvalidRequest
from pipelines.gates import Evidence
from pipelines.gates.drift import Measure, measure_distances
from pipelines.labels import Label
from pipelines.monitoring.kinds import monitor_of
from pipelines.monitoring.live_rows import LiveRows

LEAST_ROWS = 100  # live rows that a distance needs: fewer look far from anything

# The pages contain their scripts; this tells the browser to fetch nothing.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    'img-src data: blob:; font-src data:; worker-src blob:">'
)


@dataclass(frozen=True)
class DriftReport:
    """How far live rows lie from the rows that the model was trained on, and Evidently's page."""

    share: float  # of the features that moved or cannot be compared
    labels: float  # distance of the shares of the classes, or of fifths of the values
    moved: Mapping[str, float]  # in standard deviations of the training rows
    broken: tuple[str, ...]  # features that cannot be compared
    page: bytes
    distances: Mapping[str, float]  # of every feature that can be compared, as of `moved`
    limit: float  # distance above which a feature has moved
    rows: int  # live rows

    @property
    def reason(self) -> str:
        far = ", ".join(f"{name} by {by:.2f}" for name, by in list(self.moved.items())[:5])
        drifted = (
            f"a share of {self.share:.2f} of the features has drifted{f' ({far})' if far else ''}"
        )
        lost = f"; nothing to compare of {', '.join(self.broken)}" if self.broken else ""
        return f"{drifted}{lost}; labels lie {self.labels:.3f} apart"


def measure_drift(evidence: Evidence, measure: Measure | None = None) -> DriftReport:
    """Compare live rows, which are the judging rows of the evidence, with training rows."""
    names, training, live = evidence.feature_names, evidence.training, evidence.judging
    if len(live) < LEAST_ROWS:
        raise InvalidRequest(
            f"{len(live)} live rows are too few to tell drift from chance",
            f"wait for {LEAST_ROWS}",
        )
    measure = measure or Measure()
    comparable = [
        column
        for column in range(len(names))
        if _is_varying(training.features[:, column]) and _has_values(live.features[:, column])
    ]
    broken = tuple(name for column, name in enumerate(names) if column not in comparable)
    if not comparable:
        raise InvalidRequest(
            f"no feature can be compared: {', '.join(names)} are missing from the live rows, or "
            "constant in the training rows",
            "look at silver.gaps and silver.quarantine for what became of the bars",
        )
    columns = [*comparable, len(names)]
    comparable_evidence = replace(
        evidence,
        feature_names=tuple(names[column] for column in comparable),
        training=replace(training, features=training.features[:, columns]),
        judging=replace(live, features=live.features[:, columns]),
    )
    distance = measure_distances(comparable_evidence, measure)
    moved = {name: distance.features[name] for name in measure.drifted_features(distance)}
    share = (len(moved) + len(broken)) / len(names)
    return DriftReport(
        share=share,
        labels=distance.labels,
        moved=moved,
        broken=broken,
        page=block_network(distance.report),
        distances=distance.features,
        limit=measure.feature_distance,
        rows=len(live),
    )


def _is_varying(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)].astype(np.float64)
    return len(known) > 1 and bool(np.std(known) > 0)


def _has_values(values: np.ndarray) -> bool:
    return int(np.isfinite(values).sum()) >= LEAST_ROWS // 2


def build_quality_page(label: Label, live: LiveRows) -> bytes:
    """Build Evidently's report on predictions beside outcomes, as an HTML page."""
    frame, definition, preset = monitor_of(label.kind).report_inputs(label, live)
    from evidently import Dataset, Report

    snapshot = Report([preset]).run(Dataset.from_pandas(frame, data_definition=definition), None)
    return block_network(snapshot.get_html_str(as_iframe=False).encode())


def block_network(page: bytes) -> bytes:
    """Add a policy to the page that lets it load nothing, and remove its links to other sites."""
    unlinked = re.sub(rb"<link\b[^>]*\bhref=.?https?:[^>]*>", b"", page)
    policy = POLICY.encode()
    guarded, heads = re.subn(rb"<head\b[^>]*>", lambda m: m[0] + policy, unlinked, count=1)
    return guarded if heads else b"<!DOCTYPE html><head>" + policy + b"</head>" + guarded


def build_index(pages: Sequence[tuple[str, str, str, Mapping[str, str]]], title: str) -> str:
    """Build the first page: a row a report, with its forecast, source, date and links by kind."""
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
<p>Live rows compared with the rows that each model was trained on, and predictions compared with
outcomes, newest first. The figures are rows of <code>gold.runs</code>, step
<code>monitor</code>.</p>
<table><tr><th>date</th><th>forecast</th><th>source</th><th>reports</th></tr>{rows}</table>
</body></html>
"""
