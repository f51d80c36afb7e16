"""The contracts of all tables: columns, types, units, keys and rules."""
