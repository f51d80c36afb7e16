"""What everything stands on: errors, settings, intervals, calendars and universes."""
