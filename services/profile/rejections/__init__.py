"""Events that were not stored, kept for those who ask where they are (spec people §1A, A7)."""
