"""Train a forecast's candidates after each session, and promote the winner or say why not.

Everything is read from one snapshot of the lake, and nothing later than the end of the session is
used. The gates judge what is published, over most of the history: each stretch of it by a model
that was chosen from the rows before it, the newest rows by the winner itself. A backfill is a
walk-forward: it runs forwards only, each training is compared with the champion of its own time,
and none moves an alias back. The gates' verdicts are in `gold.model_decisions`, the ranking in
`gold.model_rankings`, and every candidate's figures and charts in MLflow.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag
from exchange_timetable import ExchangeTimetable
from wiring import FEATURES, MODELS, PARAMS, SILVER_BARS, doc, one_after_another, run_request, step

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    @step(outlets=[SILVER_BARS], minutes=60)
    def ingest(params=None, dag_run=None):
        """Bring the bars that are needed for training and still missing."""
        from pipelines import jobs

        return jobs.bring_bars(forecast.name, run_request(forecast, params, dag_run), history=True)

    @step(outlets=[FEATURES])
    def features(params=None):
        """Compute the features from the bars that silver has now."""
        from pipelines import jobs

        return jobs.features(forecast.name, params["source"])

    @step(outlets=[MODELS], minutes=120, nice=10)
    def train(params=None, dag_run=None):
        """Compare the candidates, register the winner, ask the gates; returns the verdict."""
        from pipelines import jobs

        return jobs.train(forecast.name, run_request(forecast, params, dag_run))

    @dag(
        f"train_{forecast.name}",
        schedule=ExchangeTimetable("1d", forecast.schedule.calendar, timedelta(minutes=5)),
        start_date=datetime(2015, 1, 1, tzinfo=UTC),
        max_active_runs=1,
        params=PARAMS,
        doc_md=doc(forecast, __doc__),
        tags=["train", forecast.name],
    )
    def pipeline():
        one_after_another(ingest(), features(), train())

    pipeline()


for declared in FORECASTS:
    wire(declared)
