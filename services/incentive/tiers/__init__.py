"""Levels of membership, by what is earned."""
