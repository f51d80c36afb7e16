"""Steps that bring bars and features up to date."""
