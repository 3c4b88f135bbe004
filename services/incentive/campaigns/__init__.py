"""Campaigns: when this happens, give that, within this budget."""
