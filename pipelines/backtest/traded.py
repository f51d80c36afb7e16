"""What a backtest trades: the target of a forecast, and the rule that makes its signal."""

from __future__ import annotations

from pipelines.backtest.policy import Policy
from pipelines.core.errors import InvalidRequest, unknown
from pipelines.forecasts import Forecast, TargetForecast
from pipelines.forecasts.combination import ComponentWeighted
from pipelines.labels.sides import sides_of


def find_traded(forecast: Forecast) -> TargetForecast:
    """Return a forecast with the target that is traded, which has a combination.

    That is the first target with a signal. Where a forecast of several symbols declares none, all
    of them are combined by the first target that has a direction.
    """
    targets = forecast.per_target()
    for target in targets:
        if target.combinations:
            return target
    for target in targets:
        actions, scores = sides_of(target.label)
        if actions:
            rule = ComponentWeighted(forecast.universe, actions, scores)
            return target.replace(combinations=(rule,))
    names = ", ".join(forecast.target_names)
    raise InvalidRequest(
        f"{forecast.name} says nothing of a direction, only of {names}: there is nothing to trade",
        "backtest a forecast of actions or of returns",
    )


def find_combination(forecast: TargetForecast, name: str) -> ComponentWeighted:
    """Return the rule by which a forecast combines a universe."""
    for rule in forecast.combinations:
        if rule.universe == name:
            return rule
    raise unknown(
        f"combination of {forecast.name}", name, (rule.universe for rule in forecast.combinations)
    )


def check_policy(forecast: TargetForecast, policy: Policy | None) -> None:
    """Refuse a policy under which no position would last for a single bar."""
    if policy is not None and policy.flat_by_close and not forecast.bar.intraday:
        raise InvalidRequest(
            f"each {forecast.interval} bar of {forecast.name} ends with its session, so that no "
            "position would be held",
            "leave --flat away",
        )
