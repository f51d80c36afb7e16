"""Backtests: what a forecast would have predicted and earned, by models that knew only the past."""
