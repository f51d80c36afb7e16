"""Bring the news of a topic through bronze to silver every quarter of an hour, and what they say.

Each source is a task of its own: one that is down delays no other, and stops no bars and no
scoring. A run brings the stories of its interval and those missed before it; a backfill brings
exactly its intervals, and repeating it changes nothing. A source whose calls are few, such as
Alpha Vantage's 25 a day, is asked in few of the runs. Then the titles are scored, and the signals
of the windows that ended are written to `gold.news_signals`; what was live stays. Where a source
failed, the signals of the others are written all the same, and the run is a failure.
"""

from datetime import UTC, datetime

from airflow.sdk import CronDataIntervalTimetable, dag
from wiring import NEWS_PARAMS, NEWS_SIGNALS, SILVER_NEWS, news_run, step

from pipelines.core.topics import topic, topic_names


def wire(name: str) -> None:
    @step()
    def sources(params=None):
        """List the sources that are asked, a task each."""
        return params["sources"]

    @step(outlets=[SILVER_NEWS])
    def stories(source, params=None, dag_run=None):
        """Bring the stories of one source to silver; returns the counts."""
        from pipelines import jobs

        return jobs.bring_news(source, news_run(name, params, dag_run))

    @step(inlets=[SILVER_NEWS], outlets=[NEWS_SIGNALS], trigger_rule="all_done")
    def signals(params=None, dag_run=None):
        """Score the new titles, and write the windows that ended; returns the counts."""
        from pipelines import jobs

        return jobs.news_signals(params["sources"], news_run(name, params, dag_run))

    @step(trigger_rule="none_failed")
    def complete():
        """Give the run the state of its sources: it failed where one of them did."""

    @dag(
        f"ingest_news_{name}",
        schedule=CronDataIntervalTimetable("*/15 * * * *", "UTC"),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=4,
        params=NEWS_PARAMS,
        doc_md=f"{__doc__}\n\n**{name}**: {topic(name).meaning}",
        tags=["ingest", "news"],
    )
    def pipeline():
        stories.expand(source=sources()) >> [signals(), complete()]

    pipeline()


for topic_name in topic_names():
    wire(topic_name)
