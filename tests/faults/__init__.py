"""The faults that Bullion survives: a table of them, and what breaks its steps."""
