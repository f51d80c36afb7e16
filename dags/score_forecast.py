"""Score every constituent after each bar has closed, combine to a signal, and publish.

Predictions, signal and the record of the run are one commit. A bar is scored by the newest model
that was promoted before the bar closed. Rows that were published live stay: a backfill writes its
rows beside them, the same rows each time. A run covers a bar, or the bars of the minutes that the
schedule's `every` says, and what was missed before. The log of a skipped task says why it was.
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import LATE, OF_OUTCOMES, OF_SCORING, PARAMS, SILVER_BARS, doc, run_request, step

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    @step(outlets=[SILVER_BARS])
    def ingest(params=None, dag_run=None):
        """Bring the run's bar, what is missing before it, and the weights if they are old."""
        from pipelines import jobs

        return jobs.bring_bars(forecast.name, run_request(forecast, params, dag_run), weights=True)

    @step(**OF_SCORING)
    def score(params=None, dag_run=None):
        """Score, combine and publish in one commit; returns the counts."""
        from pipelines import jobs

        return jobs.score(forecast.name, run_request(forecast, params, dag_run))

    @step(**OF_OUTCOMES, trigger_rule="none_failed")
    def outcomes(params=None, dag_run=None):
        """Write the outcomes of earlier predictions, as far as they are known by now."""
        from pipelines import jobs

        return jobs.outcomes(forecast.name, run_request(forecast, params, dag_run))

    @dag(
        f"score_{forecast.name}",
        schedule=ExchangeTimetable(
            forecast.cadence.name, forecast.schedule.calendar, forecast.schedule.grace
        ),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=4,
        deadline=LATE,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["score", forecast.name],
    )
    def pipeline():
        ingest() >> score() >> outcomes()

    pipeline()


for declared in FORECASTS:
    wire(declared)
