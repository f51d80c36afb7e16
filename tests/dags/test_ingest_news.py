"""The DAG of news: each source by itself, then the signals, and no bar waits for any of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.core.topics import topic_names
from tests.dags.parsed_dags import list_steps

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_signals_follow_whatever_became_of_the_sources(parsed: dict[str, Any]) -> None:
    for topic in topic_names():
        dag = parsed["dags"][f"ingest_news_{topic}"]
        assert list_steps(dag) == {
            "sources": ["stories"],
            "stories": ["complete", "signals"],
            "signals": [],
            "complete": [],
        }
        rules = {task["name"]: task["rule"] for task in dag["tasks"]}
        assert (rules["signals"], rules["complete"]) == ("all_done", "none_failed")
        assert dag["schedule"] == "*/15 * * * *"


def test_no_other_dag_waits_for_news(parsed: dict[str, Any]) -> None:
    for name, dag in parsed["dags"].items():
        if not name.startswith("ingest_news_"):
            assert {"stories", "signals"}.isdisjoint(list_steps(dag)), name
