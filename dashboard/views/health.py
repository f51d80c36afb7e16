"""The page of the platform's own work: what is late, what failed, what was rejected, and how much.

A part is read when it is chosen, so that a page left open costs little.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard.api import Answer
from dashboard.clock import age, age_of
from dashboard.components import (
    draw_facts,
    draw_table,
    has_data,
    say_nothing_yet,
    segments,
)
from dashboard.context import Context
from dashboard.views.stored import (
    HEIGHT,
    draw_audit,
    draw_checks,
    draw_gaps,
    draw_lake,
    draw_quarantine,
)
from dashboard.words import NONE, count, label, number, plain, visible, web_address

TITLE, ICON = "Health", ":material/monitor_heart:"
STATES = {
    "ok": "● **All is well.** Every forecast is fresh, and the API is quick.",
    "degraded": "▲ **Something needs a look.**",
    "down": "✖ **Nothing can be served.**",
}
RUNS = 200
Row = Mapping[str, Any]


def draw(page: Context) -> None:
    """Draw the state in a sentence, what is late, and one part in full."""
    st.title(TITLE, anchor=False)
    _draw_state(page)
    _draw_late(page)
    _draw_stream(page)
    _draw_forecasts(page)
    part = segments("Part", list(PARTS), key="part", default="Steps")
    PARTS[part](page)
    _draw_links(page)


def _read_unwatched(page: Context, path: str) -> Answer:
    """Read what every request changes: to draw the page anew for it would never end.

    The steps are watched, and their ages move every minute.
    """
    return page.reader.api.get(path)


def _draw_state(page: Context) -> None:
    answer = _read_unwatched(page, "/health")
    if not has_data(page, answer):
        return
    health = answer.data
    st.markdown(STATES[health["status"]])
    for reason in health["reasons"]:
        st.markdown(f"- {plain(reason)}")
    if health["sample"]:
        st.warning("Sample data: made up, and no market.")


def _draw_late(page: Context) -> None:
    """Say which steps are late, and which failed when they ran last."""
    answer = page.reader.get("/operations/steps")
    if not has_data(page, answer):
        return
    late = [row for row in answer.rows if row["late"]]
    failing = [row for row in answer.rows if row["failing"]]
    if not late and not failing:
        st.markdown("No step is late, and none failed when it last ran.")
    for row in late:
        st.error(
            f"**Late:** {_name(page, row)} should have reached "
            f"{page.clock.minute(row['due_at'])}; it last ended well {_ago(row)}."
        )
    for row in failing:
        st.error(f"**Failed:** {_name(page, row)}: {plain(row['failure_message'] or NONE)}")


def _draw_stream(page: Context) -> None:
    """Say how the stream of live prices stands, where one has run."""
    answer = _read_unwatched(page, "/prices/newest")
    stream = answer.data["stream"] if answer.data else None
    if stream is None:
        return
    state = "● live" if stream["live"] else "▲ not live"
    if stream["trouble"]:
        state += f": {stream['trouble']}"
    draw_facts(
        {
            "Live prices": state,
            "Newest": ", ".join(
                f"{row['symbol']} {number(row['mid'])}" for row in answer.data["prices"]
            )
            or NONE,
            "Lag": _seconds(stream["lag_seconds"]),
            f"Bars to ({page.clock.name})": page.clock.minute(stream["newest_bar"]),
            "Bar delay": _seconds(stream["bar_delay_seconds"]),
            "Waiting bars": count(stream["waiting_bars"]),
            "Reconnects": count(stream["reconnects"]),
            "Broken minutes": count(stream["broken_minutes"]),
        }
    )


def _seconds(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f} s"


def _name(page: Context, row: Row) -> str:
    """Return a step in words, with a link to its DAG."""
    name = plain(f"{label(row['step'])} of {row['about']}")
    link = _dag_address(page, row)
    return f"[{name}]({link})" if link else name


def _ago(row: Row) -> str:
    minutes = row["age_minutes"]
    return "never" if minutes is None else f"{age(60 * minutes)} ago"


def _dag_address(page: Context, row: Row) -> str | None:
    airflow = page.settings.airflow
    return web_address(f"{airflow}/dags/{row['dag']}") if airflow and row["dag"] else None


def _draw_forecasts(page: Context) -> None:
    answer = _read_unwatched(page, "/health")
    if answer.data is None:
        return
    st.subheader("Forecasts", anchor=False)
    draw_table(
        page,
        [
            {
                "forecast": row["forecast"],
                "state": _freshness(row["stale"]),
                "newest_signal": page.clock.minute(row["newest_signal"]),
                "age": age_of(row["newest_signal"]),
                "newest_bar": page.clock.minute(row["newest_bar"]),
                "model": f"v{row['model_version']}" if row["model_version"] else NONE,
                "proven": {True: "✓ proven", False: "▲ unproven", None: NONE}[row["proven"]],
            }
            for row in answer.data["forecasts"]
        ],
        {
            "forecast": "Forecast",
            "state": "State",
            "newest_signal": f"Scored to ({page.clock.name})",
            "age": "Age",
            "newest_bar": "Bars to",
            "model": "Model",
            "proven": "Proven",
        },
        key="forecasts",
    )


def _freshness(stale: bool | None) -> str:
    return {True: "✖ stale", False: "✓ fresh", None: "not scored yet"}[stale]


def _draw_steps(page: Context) -> None:
    answer = page.reader.get("/operations/steps")
    if not has_data(page, answer):
        return
    st.caption("When each step last ended well. A link leads to its DAG in Airflow.")
    draw_table(
        page,
        [
            {
                "state": _step_state(row),
                "step": label(row["step"]),
                "about": visible(row["about"]),
                "ago": _ago(row),
                "last_success": page.clock.minute(row["last_success"]),
                "last_message": visible(row["last_message"] or ""),
                "last_failure": page.clock.minute(row["last_failure"]),
                "dag": _dag_address(page, row) or "",
            }
            for row in answer.rows
        ],
        {
            "state": "State",
            "step": "Step",
            "about": "About",
            "ago": "Ended well",
            "last_success": f"At ({page.clock.name})",
            "last_message": st.column_config.TextColumn("It said", width="medium"),
            "last_failure": "Last failure",
            "dag": st.column_config.LinkColumn("DAG", display_text="open", width="small"),
        },
        ("/operations/steps", {}),
        key="steps",
        height=HEIGHT,
    )


def _step_state(row: Row) -> str:
    if row["failing"]:
        return "✖ failed"
    if row["late"]:
        return "▲ late"
    return "✓ well" if row["last_success"] else "not run yet"


def _draw_runs(page: Context) -> None:
    status = segments("Ended", ["all", "ok", "warned", "failed"], key="ended", default="all")
    parameters = {"status": None if status == "all" else status, "limit": RUNS}
    answer = page.reader.get("/operations/runs", **parameters)
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet("There is no such run.", "Unpause the DAGs in Airflow, or run `make up`.")
        return
    signs = {"ok": "✓ ok", "warned": "▲ warned", "failed": "✖ failed"}
    draw_table(
        page,
        [
            {
                "status": signs[row["status"]],
                "finished_at": page.clock.minute(row["finished_at"]),
                "step": label(row["step"]),
                "about": visible(row["about"]),
                "counts": _counts(row["counts"]),
                "message": visible(row["message"] or ""),
                "run": visible(row["run"]),
            }
            for row in answer.rows
        ],
        {
            "status": "Ended",
            "finished_at": f"At ({page.clock.name})",
            "step": "Step",
            "about": "About",
            "counts": st.column_config.TextColumn("Counts", width="medium"),
            "message": st.column_config.TextColumn("It said", width="medium"),
            "run": st.column_config.TextColumn("Run", width="small"),
        },
        ("/operations/runs", parameters),
        key="runs",
        height=HEIGHT,
    )


def _counts(text: str) -> str:
    """Return the counts of a run that are not nothing, in words."""
    try:
        counts = json.loads(text)
    except ValueError:
        return visible(text)
    if not isinstance(counts, dict):
        return visible(text)
    return visible(", ".join(f"{label(name)} {value}" for name, value in counts.items() if value))


def _draw_api(page: Context) -> None:
    answer = _read_unwatched(page, "/operations/latency")
    if has_data(page, answer):
        st.caption("Answers of the last five minutes, by route.")
        draw_table(
            page,
            answer.rows,
            {
                "route": "Route",
                "requests": st.column_config.NumberColumn("Requests", format="localized"),
                "p50_ms": st.column_config.NumberColumn("Half within, ms", format="%.1f"),
                "p99_ms": st.column_config.NumberColumn("99 of 100 within, ms", format="%.1f"),
            },
            ("/operations/latency", {}),
            key="latency",
            height=HEIGHT,
        )
    _draw_models(page)


def _draw_models(page: Context) -> None:
    health = _read_unwatched(page, "/health").data
    if not health or not health["models"]:
        say_nothing_yet("No model is loaded to score on demand.", "The reasons stand above.")
        return
    st.caption("Models that are loaded to score on demand.")
    draw_table(
        page,
        [
            {
                "forecast": row["forecast"],
                "target": row["target"],
                "model": f"{label(row['candidate'] or NONE)} v{row['model_version'] or NONE}",
                "proven": "✓ proven" if row["proven"] else "▲ unproven",
                "why": visible(row["unproven_reason"] or ""),
            }
            for row in health["models"]
        ],
        {
            "forecast": "Forecast",
            "target": "Target",
            "model": "Model",
            "proven": "Proven",
            "why": st.column_config.TextColumn("Why not", width="large"),
        },
        key="models",
    )


def _draw_quotas(page: Context) -> None:
    answer = page.reader.get("/operations/quotas")
    if not has_data(page, answer):
        return
    if not answer.rows:
        st.markdown(
            "No request was counted on the API's machine: no source of news that limits them was "
            "asked from there."
        )
        return
    draw_table(
        page,
        [row | {"resets_at": page.clock.minute(row["resets_at"])} for row in answer.rows],
        {
            "source": "Source",
            "limit": "Allowed",
            "used": st.column_config.NumberColumn("Used", format="localized"),
            "left": st.column_config.NumberColumn("Left", format="localized"),
            "resets_at": f"More from ({page.clock.name})",
        },
        ("/operations/quotas", {}),
        key="quotas",
    )


def _draw_links(page: Context) -> None:
    settings = page.settings
    links = {
        "Airflow": settings.airflow,
        "MLflow": settings.mlflow,
        "Reports and Data Docs": settings.reports,
    }
    link_texts = [f"[{name}]({url})" for name, url in links.items() if url and web_address(url)]
    if link_texts:
        st.caption(" · ".join(link_texts))


PARTS: Mapping[str, Callable[[Context], None]] = {
    "Steps": _draw_steps,
    "Runs": _draw_runs,
    "Checks": draw_checks,
    "Audit": draw_audit,
    "Quarantine": draw_quarantine,
    "Gaps": draw_gaps,
    "Lake": draw_lake,
    "API": _draw_api,
    "Quotas": _draw_quotas,
}
