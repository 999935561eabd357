"""Who keeps it running. Generic: names no chat actor."""
