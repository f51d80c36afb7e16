"""Steps that train models and decide who serves."""
