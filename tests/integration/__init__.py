"""Tests that need a server of their own; `make test-integration` runs them."""
