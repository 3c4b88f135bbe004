"""Identifiers that are not taken in, known by keyed hash only."""
