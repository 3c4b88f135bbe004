"""Who is in which segment, as tagging tells it, and copies of segments that do not change."""
