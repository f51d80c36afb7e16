"""Bring the bars and weights that a forecast needs from a source through bronze to silver.

The bars of the fund that shows what the index did come too; a source without them stops nothing.
A run brings the bars of its session and those missing before it; with a start it brings exactly the
range that is named. It uses nothing later than the end of its interval. Rejected rows are in
`silver.quarantine`, the record of the run is in `gold.runs`. The run fails when an answer cannot be
used or a blocking check does not pass; good rows are committed all the same. At the end Great
Expectations checks all tables against their contracts, and writes its Data Docs (`bullion docs`
does so by hand).
"""

from datetime import UTC, datetime

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import BRONZE_BARS, PARAMS, SILVER_BARS, doc, run_request, step

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    @step(outlets=[BRONZE_BARS, SILVER_BARS], minutes=60)
    def bars(params=None, dag_run=None):
        """Bring bars to silver; returns how many rows were received, accepted and rejected."""
        from pipelines import jobs

        return jobs.bring_bars(forecast.name, run_request(forecast, params, dag_run), history=True)

    @step()
    def weights(params=None, dag_run=None):
        """Bring the index weights, as they were known at the end of the run's interval."""
        from pipelines import jobs

        return jobs.bring_weights(forecast.name, run_request(forecast, params, dag_run))

    @step()
    def data_docs():
        """Check every table against its contract with Great Expectations; write its pages."""
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
    def pipeline():
        [bars(), weights()] >> data_docs()

    pipeline()


for declared in FORECASTS:
    wire(declared)
