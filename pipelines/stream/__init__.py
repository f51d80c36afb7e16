"""Live prices: one resident process that builds closed minutes and hands the newest prices on.

`process` runs it; `newest_prices` is all that readers of the prices need.
"""
