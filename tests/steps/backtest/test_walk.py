"""A backtest walks forward over one snapshot, knows no later bar, and publishes nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.backtest import picture, report
from pipelines.backtest.market import BacktestRequest, Market, micros
from pipelines.backtest.policy import Policy
from pipelines.backtest.run import Backtest, build_backtest
from pipelines.backtest.walk import Scorer, score_windows, select_known, walk
from pipelines.core.calendar import interval_of, utc
from pipelines.core.errors import BullionError, InvalidRequest
from pipelines.core.universes import universe
from pipelines.forecasts import NASDAQ100_HOURLY
from pipelines.lake import Lake
from pipelines.modeling.candidates import Logistic
from pipelines.modeling.required import Minimums
from pipelines.sources.sample import Sample, SampleNoise
from pipelines.steps import ingest, ingest_weights
from pipelines.steps.backtest.walk import backtest, cut_windows, read_market
from pipelines.steps.data.rows import read_training_rows
from tests import empty_lake

QUICK = NASDAQ100_HOURLY.target_forecast().replace(candidates=(Logistic(),))
REQUEST = BacktestRequest("qqq", utc("2026-03-01"), utc("2026-05-01"), retrain=15, tune=True)
POLICY = Policy(stop_loss=0.005, flat_by_close=True)
UNTOUCHED = ("predictions", "index_signals", "model_decisions", "model_rankings", "outcomes")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = empty_lake.create_lake(empty_lake.at(tmp_path_factory.mktemp("lake")))
    symbols, interval = universe("qqq").symbols, interval_of("1h")
    for source in (Sample(rank_ic=0.4), SampleNoise()):
        ingest(lake, source, symbols, interval, utc("2025-11-03"), utc("2026-05-05"))
        ingest_weights(lake, source, "qqq", as_of=utc("2026-05-05"))
    return lake


@pytest.fixture(scope="module")
def result(lake: Lake) -> Backtest:
    return backtest(lake, QUICK, "sample", REQUEST, POLICY)


@pytest.fixture(scope="module")
def market(lake: Lake, result: Backtest) -> Market:
    with lake.view() as view:
        return read_market(view, QUICK, "sample", REQUEST)


def walk_market(market: Market) -> list[Scorer]:
    cut = cut_windows(QUICK, "sample", market, REQUEST, Minimums())
    return list(walk(QUICK, market, cut, REQUEST, Minimums(), lambda *_: None))


def build(market: Market, scorers: list[Scorer]) -> Backtest:
    scored = score_windows(QUICK, market, scorers)
    return build_backtest(QUICK, "sample", market, scorers, scored, REQUEST, POLICY)


@pytest.fixture(scope="module")
def scorers(market: Market) -> list[Scorer]:
    """The models of the windows, for tests that change nothing that they are trained on."""
    return walk_market(market)


def test_skill_is_found_and_reported_with_its_intervals(result: Backtest) -> None:
    ic = result.figures["rank_ic"]
    assert ic.low is not None
    assert ic.low > 0.2
    assert result.returns["signal"]["net"]["low"] > 0
    assert result.returns["signal"]["gross"] > result.returns["signal"]["net"]["value"]
    assert [w["proven"] for w in result.windows] == [True, False, False]
    assert "no_worse_than_champion" in result.windows[2]["reason"], "the first is hard to beat"
    published, expected = (result.figures[n].value for n in ("published_rank_ic", "rank_ic"))
    assert published >= 0.92 * expected
    wss, expected_wss = (result.figures[f"{n}_rank_ic"].value for n in ("wss", "expected_wss"))
    assert wss >= 0.9 * expected_wss > 0.3
    assert {s["symbol"] for s in result.symbols} == set(universe("qqq").symbols)
    assert result.predictions.num_rows == sum(w["rows"] for w in result.windows)
    assert "This market is made up" in result.notes[0]
    assert not result.signals["policy_position"].to_numpy()[result.path.last].any()


def test_noise_has_no_skill(lake: Lake) -> None:
    result = backtest(lake, QUICK, "sample_noise", REQUEST)
    ic = result.figures["rank_ic"]
    assert ic.low is not None
    assert ic.high is not None
    assert ic.low < 0 < ic.high
    assert result.returns["signal"]["net"]["low"] < 0
    assert not any(w["proven"] for w in result.windows)
    assert "skill_direction" in result.windows[0]["reason"]


def test_each_window_has_the_rows_of_a_training_at_its_start(lake: Lake, market: Market) -> None:
    at = utc("2026-03-24T13:30+00:00")
    of_backtest = select_known(market.rows, micros(at), REQUEST.history)
    with lake.view() as view:
        of_training = read_training_rows(view, QUICK, "sample", at, REQUEST.history)
    for name in ("features", "outcome", "symbol", "closes_at", "known_at", "session"):
        np.testing.assert_array_equal(getattr(of_backtest, name), getattr(of_training, name))


def test_every_bar_is_scored_once_and_closes_after_its_model_was_made(result: Backtest) -> None:
    keys = set(zip(*(result.predictions[n].to_pylist() for n in ("symbol", "ts")), strict=True))
    assert len(keys) == result.predictions.num_rows == 10 * len(result.path)
    as_of = {w["window"]: np.datetime64(w["trained_as_of"][:-1]) for w in result.windows}
    trained_at = np.array([as_of[n] for n in result.predictions["window"].to_pylist()])
    assert (result.predictions["closes_at"].to_numpy().astype("datetime64[us]") > trained_at).all()
    assert (np.diff(result.predictions["closes_at"].to_numpy()) >= np.timedelta64(0)).all()


def test_what_comes_later_changes_nothing_in_earlier_windows(
    market: Market, scorers: list[Scorer]
) -> None:
    first = build(market, scorers)
    edge = np.datetime64(first.windows[2]["trained_as_of"][:-1])
    rows, bars = market.rows, market.bars
    later = rows.closes_at > edge
    unknown = (rows.known_at > edge) & ~later
    features = np.where(later[:, None], rows.features * -1.0, rows.features)
    features[:, -1] = rows.features[:, -1]
    outcome = np.where(later | unknown, -rows.outcome, rows.outcome)
    after = bars["closes_at"].to_numpy().astype("datetime64[us]") > edge
    changed_closes = pa.array(bars["close"].to_numpy() * np.where(after, 0.99, 1.0))
    changed = replace(
        market,
        rows=replace(rows, features=features.astype(np.float32), outcome=outcome),
        bars=bars.set_column(bars.schema.names.index("close"), "close", changed_closes),
    )
    second = build(changed, walk_market(changed))
    for name in ("score", "expected_score", "window"):
        before = first.predictions["closes_at"].to_numpy().astype("datetime64[us]") <= edge
        np.testing.assert_array_equal(
            first.predictions[name].to_numpy()[before], second.predictions[name].to_numpy()[before]
        )
    before = first.path.closes_at <= edge
    for name in ("wss", "position", "net", "tuned_net", "policy_net", "buy_at", "sell_at"):
        of_first, of_second = (t.signals[name].to_numpy()[before] for t in (first, second))
        np.testing.assert_array_equal(of_first, of_second, err_msg=name)
    # The third window's thresholds depend on what had closed before it.
    assert [(w["buy_at"], w["sell_at"]) for w in first.windows] == [
        (w["buy_at"], w["sell_at"]) for w in second.windows
    ]
    assert first.predictions["score"].to_pylist() != second.predictions["score"].to_pylist()


def test_twice_gives_the_same_bytes_and_writes_nothing(lake: Lake, result: Backtest) -> None:
    before = _counts(lake)
    again = backtest(lake, QUICK, "sample", REQUEST, POLICY)
    assert _counts(lake) == before == dict.fromkeys(UNTOUCHED, 0)
    first, second = (
        report.build_files(item, picture.draw_equity(item)) for item in (result, again)
    )
    documents = json.loads(first["report.json"]), json.loads(second["report.json"])
    for item in documents:
        item["about"].pop("snapshot")  # another source's features may have been committed between
    assert documents[0] == documents[1]
    for name in ("predictions.parquet", "signals.parquet", "symbols.csv", "equity.png"):
        assert first[name] == second[name], name
    assert first["equity.png"].startswith(b"\x89PNG")


def _counts(lake: Lake) -> dict[str, int]:
    return {n: lake.rows(f"SELECT count(*) FROM gold.{n}")[0][0] for n in UNTOUCHED}


def test_too_little_history_names_the_first_possible_day(lake: Lake) -> None:
    early = replace(REQUEST, start=utc("2025-11-10"), end=utc("2026-02-01"))
    with pytest.raises(InvalidRequest, match="too few to train on") as refusal:
        backtest(lake, QUICK, "sample", early)
    first = refusal.value.hint.removeprefix("begin with --from ")
    backtest(lake, QUICK, "sample", replace(early, start=utc(first), retrain=100))
    day_before = utc(str(np.datetime64(first) - 1))
    with pytest.raises(InvalidRequest, match="too few to train on"):
        backtest(lake, QUICK, "sample", replace(early, start=day_before))
    with pytest.raises(InvalidRequest, match="too few to train on") as refusal:
        backtest(lake, QUICK, "sample", replace(early, end=utc("2025-11-14")))
    assert "sessions are needed before the first day" in refusal.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": utc("2026-06-01"), "end": utc("2026-07-01")}, "no bars of nasdaq100_hourly"),
        ({"universe": "qqqq"}, "unknown combination"),
        ({"candidates": ("logistic",)}, "unknown candidate"),
    ],
)
def test_an_impossible_request_is_refused(
    lake: Lake, change: dict[str, object], message: str
) -> None:
    with pytest.raises(BullionError, match=message):
        backtest(lake, QUICK, "sample", replace(REQUEST, **change))  # type: ignore[arg-type]


def test_the_own_bars_of_an_index_are_used_where_there_are_any(
    market: Market, scorers: list[Scorer], result: Backtest
) -> None:
    bars = market.bars
    own = bars.filter(pc.equal(bars["symbol"], "AAPL"))
    own_result = build(replace(market, own=own), scorers)
    assert own_result.about["index_bars"] == "QQQ's own bars"
    is_inside = np.isin(own["ts"].to_numpy().astype("datetime64[us]"), own_result.path.ts)
    np.testing.assert_array_equal(own_result.path.close, own["close"].to_numpy()[is_inside])
    assert result.about["index_bars"].startswith("its members' bars")
    np.testing.assert_array_equal(own_result.path.ts, result.path.ts)
    part = build(replace(market, own=own.filter(pc.less(own["ts"], own["ts"][-40]))), scorers)
    bars = len(result.path)
    assert part.about["index_bars"].startswith(f"QQQ's own bars at {bars - 40} of {bars} bars")
    assert "and else its members' bars" in part.about["index_bars"]
    for other, span in ((own_result, slice(0, -40)), (result, slice(-40, None))):
        np.testing.assert_allclose(
            np.diff(np.log(part.path.close))[span], np.diff(np.log(other.path.close))[span]
        )


def test_without_weights_all_members_weigh_the_same_and_a_note_says_so(
    market: Market, scorers: list[Scorer]
) -> None:
    result = build(replace(market, weights=market.weights.slice(0, 0)), scorers)
    assert any("all weigh the same" in note for note in result.notes)
    assert not result.signals["weights_known"].to_numpy().any()
