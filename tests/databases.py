"""Databases for tests in which many callers meet."""

from chassis.db import Database


def patient(url: str) -> Database:
    """A database whose callers wait for each other: on a machine that does much else that takes longer than it may."""
    return Database.open(url, lock_seconds_max=14.0, pool_seconds_max=30.0)
