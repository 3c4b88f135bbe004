"""Caps on what may be given. A budget knows nobody who spends from it."""
