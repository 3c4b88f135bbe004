"""Who looked at whom, and how often who may."""
