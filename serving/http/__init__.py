"""What stands around every request: limits, keys, errors, documentation."""
