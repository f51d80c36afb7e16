"""Every question on the analysts' page has an answer in a lake that the steps wrote."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from scipy.stats import spearmanr

from pipelines.core.calendar import interval_of, utc
from pipelines.core.settings import ROOT
from pipelines.core.universes import universe
from pipelines.forecasts import FORECASTS
from pipelines.lake import Lake
from pipelines.lake.compaction import compact
from pipelines.landing.withdrawal import Selection
from pipelines.modeling.candidates import Logistic, Mean, Ridge
from pipelines.sentiment.choice import chosen_model
from pipelines.sources.sample import Sample
from pipelines.steps import (
    ingest,
    ingest_news,
    ingest_weights,
    refresh_news_signals,
    score_stories,
)
from pipelines.steps.data.withdraw import withdraw
from pipelines.steps.lake import open_lake
from pipelines.steps.models.train import train
from pipelines.steps.scoring.outcomes import refresh_outcomes
from pipelines.steps.scoring.score import score
from tests import empty_lake
from tests.aggregates import wrong_answers
from tests.build_once import build_once
from tests.steps.served import fresh_registry
from tests.without_plots import leave_out_pictures

PAGE = (ROOT / "data_lake" / "README.md").read_text()
QUESTIONS = re.findall(r"```sql\n(?:-- ([^\n]*)\n)?(.*?)```", PAGE, re.DOTALL)
MAY_BE_EMPTY = ("silver.gaps", "silver.quarantine", "bronze.bars", "gold.checks")
HOURLY = next(f for f in FORECASTS if f.interval == "1h")
QUICK = HOURLY.target_forecast().replace(candidates=(Logistic(),))
START, TRAINED, END = utc("2026-05-01"), utc("2026-08-25"), utc("2026-09-01")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A copy of the lake that is built once for all workers."""
    folder: Path = tmp_path_factory.mktemp("questions") / "lake"
    shutil.copytree(build_once("questions", build_lake) / "lake", folder)
    with open_lake(empty_lake.at(folder)) as lake:
        yield lake


def build_lake(folder: Path) -> None:
    """Four months of the ten heaviest: trained, a week scored, and its outcomes."""
    with (
        empty_lake.create_lake(empty_lake.at(folder / "lake")) as lake,
        pytest.MonkeyPatch.context() as patch,
    ):
        leave_out_pictures(patch)
        registry, source = fresh_registry(folder / "mlflow"), Sample()
        fund = universe("qqq").fund
        ingest(lake, source, (*universe("qqq").symbols, fund), interval_of("1h"), START, END)
        ingest_weights(lake, source, "qqq", as_of=START)
        train(lake, registry, QUICK, source.name, as_of=TRAINED)
        score(lake, registry, QUICK.forecast, source.name, start=TRAINED, end=END)
        refresh_outcomes(lake, registry, QUICK.forecast, source.name)
        # No question is about minutes, of which some months take longer than all the others.
        for forecast in (f for f in FORECASTS if f is not HOURLY and f.bar.minutes != 1):
            symbols = forecast.symbols + forecast.companions
            first = END - forecast.schedule.history
            ingest(lake, source, symbols, forecast.bar, first, END)
            for target in forecast.per_target():
                quick = (Logistic(),) if target.label.classes else (Mean(), Ridge())
                quick_target = target.replace(candidates=quick, challengers=())
                train(lake, registry, quick_target, source.name, as_of=TRAINED)
            score(lake, registry, forecast, source.name, start=TRAINED, end=END)
            refresh_outcomes(lake, registry, forecast, source.name)
        span = (END - timedelta(days=3), END)
        ingest_news(lake, source, "sp500", *span, as_of=END).enforce()
        choice = chosen_model()
        score_stories(lake, source.name, choice=choice)
        refresh_news_signals(lake, source.name, "sp500", *span, model=choice.model)


def test_the_page_has_enough_questions() -> None:
    assert len([title for title, _ in QUESTIONS if title]) >= 10


def test_the_rank_correlation_in_sql_is_that_of_scipy(lake: Lake) -> None:
    [query] = [query for title, query in QUESTIONS if "rank what the index did next" in title]
    table = lake.sql(
        """SELECT universe, wss, expected_wss, next_return FROM gold.index_signals
           JOIN gold.index_outcomes USING (forecast, source, universe, "interval", ts)"""
    ).to_pandas()
    answers = lake.sql(query.strip().rstrip(";")).to_pylist()
    assert {row["universe"] for row in answers} >= {"qqq", "nasdaq100"}
    for row in answers:
        of_universe = table[table["universe"] == row["universe"]]
        for column, name in (("wss", "rank_ic"), ("expected_wss", "expected_rank_ic")):
            expected = spearmanr(of_universe[column], of_universe["next_return"]).statistic
            assert row[name] == pytest.approx(expected, abs=0.003, nan_ok=True)
        assert row["bars"] == len(of_universe)


@pytest.mark.parametrize(
    ("title", "query"), QUESTIONS, ids=[t or "time travel" for t, _ in QUESTIONS]
)
def test_a_question_is_answered(lake: Lake, title: str, query: str) -> None:
    with open_lake(lake.config, read_only=True) as reader:
        answer = reader.sql(query.strip().rstrip(";"))
    if "AT (VERSION" not in query and not any(name in query for name in MAY_BE_EMPTY):
        assert answer.num_rows, title


def test_minimum_maximum_and_counts_are_those_of_the_rows(lake: Lake, tmp_path: Path) -> None:
    """After the steps, and in a copy after a compaction and after withdrawals."""
    assert wrong_answers(lake) == []
    folder = Path(lake.config.lake_data).parent
    copy = empty_lake.at(shutil.copytree(folder, tmp_path / "copy"))
    with open_lake(copy) as copied:
        compact(copied)
        assert wrong_answers(copied) == []
        for interval in ("1h", "1d"):  # the newest bars; then all that there are
            start = TRAINED if interval == "1h" else None
            withdrawn = withdraw(copied, Selection("sample", interval, start=start), "a mistake")
            assert withdrawn.removed
            assert wrong_answers(copied) == []
        assert copied.rows(
            """SELECT max(ts) < ?, count(*) FILTER ("interval" = '1d') FROM silver.bars
               WHERE "interval" IN ('1h', '1d')""",
            [TRAINED],
        ) == [(True, 0)]
        compact(copied)
        assert wrong_answers(copied) == []
