"""Parts of the page of health: what was checked, rejected, is missing; how large the lake is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.clock import age_of
from dashboard.components import (
    draw_chart,
    draw_facts,
    draw_table,
    has_data,
    say_nothing_yet,
)
from dashboard.context import Context
from dashboard.figures.operations import draw_sizes
from dashboard.words import NONE, count, label, size, visible

LARGEST = 12  # tables in the picture of the lake
HEIGHT = 420
Row = Mapping[str, Any]


def draw_checks(page: Context) -> None:
    answer = page.reader.get("/operations/checks")
    if not has_data(page, answer):
        return
    failed = [row for row in answer.rows if not row["passed"]]
    passed = len(answer.rows) - len(failed)
    if not answer.rows:
        say_nothing_yet("Nothing was checked yet.", f"Trigger the DAG ingest_{page.name}.")
        return
    st.markdown(f"✓ **{count(passed)} checks** passed when they were last made.")
    if not failed:
        return
    st.markdown(f"▲ **{count(len(failed))}** did not:")
    draw_table(
        page,
        [
            {
                "kind": {"blocking": "✖ blocking", "warning": "▲ warning"}[row["kind"]],
                "table_name": row["table_name"],
                "check": row["check"],
                "offenders": row["offenders"],
                "rows_checked": row["rows_checked"],
                "detail": visible(row["detail"]),
                "checked_at": page.clock.minute(row["checked_at"]),
            }
            for row in failed
        ],
        {
            "kind": "Kind",
            "table_name": "Table",
            "check": "Check",
            "offenders": st.column_config.NumberColumn("Offenders", format="localized"),
            "rows_checked": st.column_config.NumberColumn("Of rows", format="localized"),
            "detail": st.column_config.TextColumn("In words", width="large"),
            "checked_at": f"At ({page.clock.name})",
        },
        ("/operations/checks", {"passed": False}),
        key="checks",
        height=HEIGHT,
    )


def draw_audit(page: Context) -> None:
    answer = page.reader.get("/operations/audits")
    if not has_data(page, answer):
        return
    if not answer.rows:
        say_nothing_yet("Nothing was audited yet.", "Trigger the DAG audit_lake: bullion audit.")
        return
    newest = answer.rows[0]
    checked = sum(row["rows_checked"] for row in answer.rows)
    different = sum(row["differences"] for row in answer.rows)
    verdict = f"✖ **{count(different)} rows differ**" if different else "✓ **None differs**"
    st.markdown(
        f"{verdict} of {count(checked)} that were proven anew at "
        f"{page.clock.minute(newest['audited_at'])} ({page.clock.name}), drawn by seed "
        f"{newest['seed']}."
    )
    draw_table(
        page,
        [
            row
            | {
                "state": "✖ differs" if row["differences"] else "✓ the same",
                "first_difference": visible(row["first_difference"] or ""),
            }
            for row in answer.rows
        ],
        {
            "state": "State",
            "check": "Check",
            "forecast": "Forecast",
            "source": "Source",
            "rows_checked": st.column_config.NumberColumn("Rows", format="localized"),
            "rows_left_out": st.column_config.NumberColumn("Left out", format="localized"),
            "differences": st.column_config.NumberColumn("Differ", format="localized"),
            "first_difference": st.column_config.TextColumn("First difference", width="large"),
        },
        ("/operations/audits", {}),
        key="audits",
        height=HEIGHT,
    )


def draw_quarantine(page: Context) -> None:
    answer = page.reader.get("/operations/quarantine")
    if not has_data(page, answer):
        return
    rows = answer.rows
    if not rows:
        st.markdown("No row was rejected.")
        return
    draw_chart(
        draw_sizes(
            [f"{label(row['reason'])} ({row['dataset'] or NONE}, {row['source']})" for row in rows],
            [row["rejected"] for row in rows],
            [count(row["rejected"]) for row in rows],
            "rejected rows",
        ),
        key="quarantine",
        description=f"{count(sum(row['rejected'] for row in rows))} rejected rows by reason",
    )
    draw_table(
        page,
        [
            {
                "reason": label(row["reason"]),
                "dataset": row["dataset"] or NONE,
                "source": visible(row["source"]),
                "rejected": row["rejected"],
                "newest_at": page.clock.minute(row["newest_at"]),
                "newest_symbol": visible(row["newest_symbol"] or NONE),
                "newest_detail": visible(row["newest_detail"]),
                "newest_original": visible(row["newest_original"]),
            }
            for row in rows
        ],
        {
            "reason": "Reason",
            "dataset": "Dataset",
            "source": "Source",
            "rejected": st.column_config.NumberColumn("Rows", format="localized"),
            "newest_at": f"Newest at ({page.clock.name})",
            "newest_symbol": "Symbol",
            "newest_detail": st.column_config.TextColumn("In words", width="medium"),
            "newest_original": st.column_config.TextColumn("As it came", width="medium"),
        },
        ("/operations/quarantine", {}),
        key="quarantine",
        height=HEIGHT,
    )


def draw_gaps(page: Context) -> None:
    answer = page.reader.get("/operations/gaps")
    if not has_data(page, answer):
        return
    if not answer.rows:
        st.markdown("No bar is missing that the calendar has.")
        return
    missing = sum(row["missing"] for row in answer.rows)
    st.markdown(f"**{count(missing)} bars** of {len(answer.rows)} series are missing.")
    draw_table(
        page,
        [row | {"symbol": visible(row["symbol"])} for row in answer.rows],
        {
            "symbol": "Symbol",
            "interval": "Bars of",
            "source": "Source",
            "missing": st.column_config.NumberColumn("Missing", format="localized"),
            "expected": st.column_config.NumberColumn("Of", format="localized"),
            "sessions": st.column_config.NumberColumn("In sessions", format="localized"),
            "first_session": "First",
            "last_session": "Last",
        },
        ("/operations/gaps", {}),
        key="gaps",
        height=HEIGHT,
    )


def draw_lake(page: Context) -> None:
    answer = page.reader.get("/operations/lake")
    if not has_data(page, answer):
        return
    lake, rows = answer.data, answer.rows
    draw_facts(
        {
            "Size": size(sum(row["bytes"] for row in rows)),
            "Files": count(sum(row["files"] for row in rows)),
            "Rows": count(sum(row["rows"] for row in rows)),
            "Snapshots": count(lake["snapshots"]),
            "Newest": f"{lake['snapshot']}, {age_of(lake['newest_snapshot_at'])} ago",
            "Oldest": f"{lake['oldest_snapshot']}, {age_of(lake['oldest_snapshot_at'])} ago",
        }
    )
    largest = [row for row in rows if row["bytes"]][:LARGEST]
    if largest:
        draw_chart(
            draw_sizes(
                [row["table"] for row in largest],
                [row["bytes"] for row in largest],
                [f"{size(row['bytes'])}, {count(row['rows'])} rows" for row in largest],
                "size of the files",
            ),
            key="lake",
            description=f"The {len(largest)} largest tables by the size of their files",
        )
    draw_table(
        page,
        [row | {"size": size(row["bytes"])} for row in rows],
        {
            "table": "Table",
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "catalog_rows": st.column_config.NumberColumn("In the catalog", format="localized"),
            "files": st.column_config.NumberColumn("Files", format="localized"),
            "size": st.column_config.TextColumn("Size", alignment="right"),
        },
        ("/operations/lake", {}),
        key="lake",
        height=HEIGHT,
    )
