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
from wiring import PARAMS, doc, job_step, one_after_another

from pipelines.forecasts import FORECASTS, Forecast


def wire(forecast: Forecast) -> None:
    stage = job_step(forecast)

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
        ingest = stage("ingest", "bring_training_bars")
        bronze = stage("validate_bronze", "validate_bronze")
        before = [ingest, bronze]
        if forecast.topics:
            news = stage("news", "bring_training_news")
            signals = stage("news_signals", "training_news_signals")
            before = [[news, ingest], bronze, signals]
        one_after_another(
            *before,
            stage("features", "features"),
            stage("validate_gold", "validate_gold"),
            stage("train", "train_only"),
            stage("promote", "promote"),
            stage("report", "report"),
        )

    pipeline()


for declared in FORECASTS:
    wire(declared)
