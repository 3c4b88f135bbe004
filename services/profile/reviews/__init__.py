"""Pairs of people of whom somebody has to say whether they are one."""
