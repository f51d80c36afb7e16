"""The page of models: what is known about one version, and what was decided about all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboard.api import Answer
from dashboard.components import (
    draw_chart,
    draw_notices,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
    select,
)
from dashboard.context import Context
from dashboard.figures import models as figures
from dashboard.words import label, number, plain, short, visible, web_address

TITLE, ICON = "Models", ":material/model_training:"
DECISIONS = 200
FEATURES = 20
FIGURES = (
    "macro_f1", "accuracy", "roc_auc", "log_loss", "rank_ic", "rmse", "mae", "r2", "hit_rate",
    "train_auc", "validation_auc", "test_auc", "out_of_time_auc", "auc_gap",
)  # fmt: skip
GATE_COLUMNS = {"gate": "Gate", "verdict": "Verdict", "value": "Value", "reason": "In words"}
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw a version of a target's model: decision, gates, evidence, ranking and drift."""
    st.title(f"{TITLE}: {label(page.name)}", anchor=False)
    targets = [target["target"] for target in page.forecast["targets"]]
    target = targets[0]
    if len(targets) > 1:
        target = segments("Target", targets, key="target", default=target)
    decisions = page.reader.get(page.path("decisions"), target=target, limit=DECISIONS)
    if not has_data(page, decisions):
        return
    if not decisions.rows:
        say_nothing_yet(
            f"No model of {target} was trained yet.",
            f"Trigger the DAG train_{page.name}, or run: bullion train {page.name}",
        )
        return
    versions = sorted({row["model_version"] for row in decisions.rows}, reverse=True)
    version = int(select("Version", [str(number) for number in versions], key="version"))
    query = {"target": target, "model_version": version}
    gates = page.reader.get(page.path("gates"), **query)
    if has_data(page, gates):
        _draw_decision(page, gates)
        _draw_gates(page, gates, query)
    _draw_evidence(page, target, query)
    _draw_rankings(page, query)
    _draw_drift(page, query)
    _draw_decisions(page, decisions, target)


def _draw_decision(page: Context, answer: Answer) -> None:
    draw_notices(answer)
    model = answer.data
    proven = "proven" if model["proven"] else "unproven"
    reason = f"{model['reason'][:1].upper()}{model['reason'][1:]}."
    st.markdown(
        f"**Version {model['model_version']}** ({plain(label(model['candidate']))}), "
        f"trained as of {plain(page.clock.minute(model['as_of']))} {plain(page.clock.name)}: "
        f"**{plain(model['verdict'])}**, {proven}. {plain(reason)}"
    )
    links = _links(page, model)
    if links:
        st.markdown(" · ".join(f"[{name}]({address})" for name, address in links.items()))


def _links(page: Context, model: Row) -> dict[str, str]:
    """Return the addresses that are set, by what stands there."""
    mlflow, reports = web_address(page.settings.mlflow), web_address(page.settings.reports)
    links = {}
    if mlflow:
        name = quote(model["registered_model"], safe="")
        links["This version in MLflow"] = (
            f"{mlflow.rstrip('/')}/#/models/{name}/versions/{model['model_version']}"
        )
    if reports:
        links["Evidently's reports"] = reports
    return links


def _draw_gates(page: Context, answer: Answer, query: Row) -> None:
    st.subheader("Gates", anchor=False)
    gates = answer.rows
    if not gates:
        say_nothing_yet(
            "The decision has no gates.", "It was made by hand, or by an earlier release."
        )
        return
    passed = sum(gate["passed"] for gate in gates)
    draw_chart(
        figures.draw_gates(gates),
        key="gates",
        description=f"{passed} of {len(gates)} gates were passed",
    )
    st.caption(
        f"{passed} of {len(gates)} passed. Each on a scale of its own: the thick line is the "
        "limit, the blue zone passes. Where there is an interval, its lower end has to reach the "
        "zone; beside a champion the value has to."
    )
    with st.expander("In words"):
        draw_table(
            page,
            [
                {
                    "gate": label(gate["gate"]),
                    "verdict": "✓ passed"
                    if gate["passed"]
                    else ("✗ refused" if gate["blocking"] else "✗ warned"),
                    "value": short(gate["value"]),
                    "reason": visible(gate["reason"]),
                }
                for gate in gates
            ],
            GATE_COLUMNS,
            (page.path("gates"), query),
            key="gates",
        )


def _draw_evidence(page: Context, target: str, query: Row) -> None:
    st.subheader("Evidence", anchor=False)
    answer = page.reader.get(page.path("evidence"), top=FEATURES, **query)
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet(
            "This version was trained before evidence was stored.",
            f"The next training stores it: trigger train_{page.name}.",
        )
        return
    judged, registered = answer.data["judged_candidate"], answer.data["candidate"]
    other = f" It was refused, and {label(registered)} is registered." * (judged != registered)
    st.caption(
        plain(
            f"Of {label(judged)}, on the rows that its gates judged; importance on selection rows."
            f"{other}"
        )
    )
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in answer.rows:
        kinds.setdefault(row["evidence"], []).append(row)
    declaration = page.target(target)
    names = declaration["classes"] or list(dict.fromkeys(r["name"] for r in kinds["calibration"]))
    charts = {
        "roc": ("ROC: each class against the others", figures.draw_roc),
        "calibration": ("Calibration: promised and came", figures.draw_calibration),
        "confusion": ("Confusion: what came, and what was predicted", figures.draw_confusion),
    }
    columns = st.columns(2)
    visible_kinds = [kind for kind in charts if kind in kinds]
    for place, kind in enumerate(visible_kinds):
        title, draw_figure = charts[kind]
        with columns[place % 2]:
            st.markdown(f"**{title}**")
            draw_chart(draw_figure(kinds[kind], names), key=kind, description=title)
    with columns[len(visible_kinds) % 2]:
        st.markdown(f"**What it leans on: the {len(kinds['importance'])} greatest importances**")
        if not any(row["loss"] for row in kinds["importance"]):
            st.caption("It leans on no feature: shuffling any of them changes nothing.")
            return
        draw_chart(
            figures.draw_importance(kinds["importance"]),
            key="importance",
            description=", ".join(row["name"] for row in kinds["importance"][:5]),
        )


def _draw_rankings(page: Context, query: Row) -> None:
    answer = page.reader.get(page.path("rankings"), **query)
    if not has_data(page, answer) or not answer.rows:
        return
    st.subheader("Candidates", anchor=False)
    figure_names = [name for name in FIGURES if any(row[name] is not None for row in answer.rows)]
    notes = {row["rank"]: row["failure"] or row["objection"] or "" for row in answer.rows}
    failures = any(notes.values())
    draw_table(
        page,
        [
            {
                "rank": row["rank"],
                "candidate": label(row["candidate"]),
                **{name: number(row[name], 4) for name in figure_names},
                "seconds": number(row["seconds"], 1),
                "failure": visible(notes[row["rank"]]),
            }
            for row in answer.rows
        ],
        {"rank": "Rank", "candidate": "Candidate"}
        | {name: label(name) for name in figure_names}
        | {"seconds": "Seconds"}
        | ({"failure": "Against it"} if failures else {}),
        (page.path("rankings"), query),
        key="rankings",
    )


def _draw_drift(page: Context, query: Row) -> None:
    st.subheader("Drift of the inputs", anchor=False)
    answer = page.reader.get(page.path("drift"), **query)
    if not has_data(page, answer):
        return
    rows = answer.rows
    if not rows:
        say_nothing_yet(
            "No drift of this version was measured yet.",
            f"monitor_{page.name} measures it after each session, once 100 live predictions have "
            "an outcome. The gates above say how far the judged rows lay from the training rows.",
        )
        return
    drifted = sum(row["drifted"] for row in rows)
    st.markdown(
        plain(
            f"{drifted} of {len(rows)} features drifted by "
            f"{page.clock.minute(rows[0]['measured_at'])} {page.clock.name}, "
            f"on {rows[0]['row_count']:,} live rows."
        )
    )
    draw_chart(
        figures.draw_drift(rows[:FEATURES]),
        key="drift",
        description=f"{drifted} of {len(rows)} features drifted",
    )
    if len(rows) > FEATURES:
        st.caption(f"The {FEATURES} that moved farthest of {len(rows)}.")


def _draw_decisions(page: Context, answer: Answer, target: str) -> None:
    st.subheader("Decisions", anchor=False)
    draw_table(
        page,
        [_decision_row(page, row) for row in answer.rows],
        {
            "decided_at": f"Decided ({page.clock.name})",
            "version": "Version",
            "verdict": "Verdict",
            "proven": "Proven",
            "candidate": "Candidate",
            "reason": st.column_config.TextColumn("Reason", width="large"),
        },
        (page.path("decisions"), {"target": target, "limit": DECISIONS}),
        key="decisions",
        height=320,
    )


VERDICTS: Mapping[str, str] = {
    "promoted": "▲ promoted", "kept": "■ kept", "refused": "✗ refused", "withdrawn": "▼ withdrawn",
}  # fmt: skip


def _decision_row(page: Context, row: Row) -> dict[str, Any]:
    return {
        "decided_at": page.clock.minute(row["decided_at"]),
        "version": row["model_version"],
        "verdict": VERDICTS.get(row["verdict"], row["verdict"]),
        "proven": "✓" if row["proven"] else "✗",
        "candidate": label(row["candidate"]),
        "reason": visible(row["reason"]),
    }
