"""Runs the whole of Bowen on one machine."""
