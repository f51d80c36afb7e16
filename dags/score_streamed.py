"""Score a minute as soon as the stream has closed it, and publish.

Each commit of the stream (`bullion stream`) is an event of the asset `stream.bars`, which starts
one run; events that come while a run works start one run together. A run scores every bar that was
not scored yet by the newest model that was promoted before the bar closed. What is published
stays, whichever run came first: the schedule of `score_` finds it, and scores what no event came
for. Without a stream this DAG never runs.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from wiring import OF_SCORING, PARAMS, STREAM_BARS, doc, run_request, step

from pipelines.forecasts import FORECASTS, Forecast

MINUTES = "1m"  # the bars that a stream builds


def wire(forecast: Forecast) -> None:
    @step(**OF_SCORING)
    def score(params=None, dag_run=None):
        """Score, combine and publish in one commit; returns the counts."""
        from pipelines import jobs

        return jobs.score(forecast.name, run_request(forecast, params, dag_run))

    @dag(
        f"score_streamed_{forecast.name}",
        schedule=[STREAM_BARS],
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=1,
        is_paused_upon_creation=False,  # it runs where a stream was asked for, and nowhere else
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["score", forecast.name],
    )
    def pipeline():
        score()

    pipeline()


for declared in FORECASTS:
    if declared.interval == MINUTES:
        wire(declared)
