"""Bring the bars and weights that a forecast needs from a source through bronze to silver.

A run brings the bars of its session and what is missing before it; with a start it brings exactly
what is asked for. It knows nothing later than the end of its interval. Rejected rows are in
`silver.quarantine`, what a run did is in `gold.runs`. It fails when an answer cannot be used or a
blocking check does not pass; what was good is committed all the same. Great Expectations holds
all tables to their contracts at the end, and writes its Data Docs (`bullion docs` does so by hand).
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import BRONZE_BARS, PARAMS, SILVER_BARS, doc, request_of, step

from pipelines.forecasts import FORECASTS, Forecast


def build_dag(forecast: Forecast) -> None:
    @step(outlets=[BRONZE_BARS, SILVER_BARS], minutes=60)
    def bars(params=None, dag_run=None):
        """Bring bars to silver; returns what became of the rows received."""
        from pipelines import jobs

        return jobs.bring(forecast.name, request_of(forecast, params, dag_run), history=True)

    @step()
    def weights(params=None, dag_run=None):
        """Bring the index weights, as they were known at the end of the run's interval."""
        from pipelines import jobs

        return jobs.bring_weights(forecast.name, request_of(forecast, params, dag_run))

    @step()
    def data_docs():
        """Hold every table to its contract with Great Expectations; write its pages."""
        from pipelines import jobs

        return jobs.data_docs()

    @dag(
        f"ingest_{forecast.name}",
        schedule=ExchangeTimetable("1d", forecast.schedule.calendar, forecast.schedule.grace),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=1,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["ingest", forecast.name],
    )
    def tasks():
        [bars(), weights()] >> data_docs()

    tasks()


for declared in FORECASTS:
    build_dag(declared)
