"""Segments: sets of people, as an algebra of the tags they have."""
