"""Answers into the lake: bronze, silver, quarantine and gaps, in one transaction."""

from pipelines.landing.land import Group, Landed, land
from pipelines.landing.weights import land_weights

__all__ = ["Group", "Landed", "land", "land_weights"]
