"""Scoring of what a caller sends, by the models that serve: for the API and the command line."""
