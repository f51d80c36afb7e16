"""Answers into the lake: bronze, silver, quarantine and gaps, in one transaction."""

from pipelines.landing.batch import Due, Group, Landed, land
from pipelines.landing.weights import land_weights

__all__ = ["Due", "Group", "Landed", "land", "land_weights"]
