"""Rules: conditions on attributes and events that set tags."""
