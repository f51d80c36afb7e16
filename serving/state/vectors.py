"""The newest features of every symbol, and their answers as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pipelines.contracts.tables import quoted
from pipelines.core.maps import read_rows
from pipelines.forecasts import Forecast
from pipelines.lake import View
from pipelines.registry.decisions import ServingModel
from pipelines.requests.kinds import target_suffix
from serving.state.answers import EncodedAnswer, Row, encode_timed, mark_made_up_news
from serving.state.times import find_stale_at

KEYS = ("symbol", "ts", "closes_at")


def load_vectors(
    view: View,
    forecast: Forecast,
    marks: Row,
    models: Mapping[str, ServingModel],
    since: datetime,
    grace: timedelta,
) -> dict[str, EncodedAnswer]:
    """Read each symbol's newest row of features since an instant, and encode its answer."""
    source, names = marks["data_source"], [*KEYS, *map(quoted, forecast.feature_names)]
    rows = read_rows(
        view.sql(
            f"""SELECT {", ".join(names)} FROM {forecast.table.full_name}
                WHERE source = ? AND ts > ? AND symbol IN (SELECT unnest(?))
                QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY ts DESC) = 1
                ORDER BY symbol""",
            [source, since, list(forecast.symbols)],
        )
    )
    news = forecast.news_source(source)
    mark_made_up_news(marks, [news])
    notices = [*marks["notices"], *_limits_of_models(forecast, models)]
    stale_at = {
        times: find_stale_at(forecast, *times, grace)
        for times in {(row["ts"], row["closes_at"]) for row in rows}
    }
    vectors = {}
    for row in rows:
        features = {name: row[name] for name in forecast.feature_names}
        missing = [name for name, value in features.items() if value is None]
        limits = [f"no value: {', '.join(missing)}"] if missing else []
        answer = marks | {
            "forecast": forecast.name,
            "interval": forecast.interval,
            "news_source": news,
            **{name: row[name] for name in KEYS},
            "known_at": row["closes_at"],
            "features": features,
            "stale_at": stale_at[row["ts"], row["closes_at"]],
            "notices": [*notices, *limits],
        }
        late = f"stale: the features of a bar after {row['closes_at']:%Y-%m-%d %H:%M} UTC are due"
        tag = f"{marks['snapshot']}-features"
        vectors[row["symbol"]] = encode_timed(answer, tag, row["closes_at"], late)
    return vectors


def _limits_of_models(forecast: Forecast, models: Mapping[str, ServingModel]) -> list[str]:
    """Say which target's model is missing, unproven, or of features that were declared anew."""
    limits = []
    for target in forecast.per_target():
        suffix, serving = target_suffix(forecast, target.target.name), models.get(target.label.name)
        if serving is None:
            limits.append(f"no model{suffix} serves yet")
            continue
        if not serving.proven:
            limits.append(f"unproven model{suffix}: {serving.unproven_reason}")
        if serving.decision.definition != target.model_fingerprint:
            limits.append(f"other features{suffix}: its model learned from an earlier declaration")
    return limits
