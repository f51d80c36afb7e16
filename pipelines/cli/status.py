"""The command that shows what the lake holds, what came in last, and what may still be asked."""

from __future__ import annotations

from pipelines.cli.app import app, out, print_table
from pipelines.core.settings import redacted
from pipelines.sources.quota import read_usages
from pipelines.steps.lake import open_lake

# What each step of gold.runs that brings data brings.
DATASETS = {"ingest": "bars", "ingest_news": "news"}


@app.command()
def status() -> None:
    """Show what the lake holds, how the last runs ended, and which requests are left."""
    with open_lake(create=False) as lake, lake.view(checked=False) as view:
        out.print(
            f"lake {redacted(lake.config.lake_catalog)}, snapshot {view.snapshot}", highlight=False
        )
        print_table(
            "silver bars",
            view.rows(
                """SELECT source, "interval", count(DISTINCT symbol), count(*), min(ts),
                          max(closes_at)
                   FROM silver.bars GROUP BY ALL ORDER BY ALL"""
            ),
            ("source", "interval", "symbols", "bars", "first", "newest close"),
        )
        print_table(
            "quarantine",
            view.rows(
                "SELECT source, reason, count(*) FROM silver.quarantine GROUP BY ALL ORDER BY ALL"
            ),
            ("source", "reason", "rows"),
        )
        steps = ", ".join(f"'{step}'" for step in DATASETS)
        last = view.rows(
            f"""SELECT step, source, max_by(about, finished_at), max(finished_at)
                FROM gold.runs WHERE status <> 'failed' AND step IN ({steps})
                GROUP BY step, source ORDER BY step, source"""
        )
        print_table(
            "last successful ingest",
            [(DATASETS[step], source, about, at) for step, source, about, at in last],
            ("dataset", "source", "about", "finished"),
        )
        print_table(
            "last runs",
            view.rows(
                """SELECT finished_at, step, source, about, status, coalesce(message, '')
                   FROM gold.runs ORDER BY finished_at DESC LIMIT 5"""
            ),
            ("finished", "step", "source", "about", "status", "message"),
        )
    print_table("quotas", quota_rows(), ("source", "limit", "used", "left", "resets at"))


def quota_rows() -> list[tuple[object, ...]]:
    """Return what is used and left of each limit of each source that has limits."""
    return [
        (
            usage.source,
            str(usage.limit),
            usage.used,
            usage.left,
            f"{usage.resets_at:%Y-%m-%d %H:%M:%S} UTC" if usage.resets_at else "-",
        )
        for usage in read_usages()
    ]
