"""Partners and their hierarchy."""
