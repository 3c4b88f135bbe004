"""Identifiers."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest

from chassis import ids
from chassis.ids import new_id, time_of


def test_an_id_is_a_uuid_of_version_7() -> None:
    assert {(one.version, one.variant) for one in (new_id() for _ in range(1000))} == {(7, RFC_4122)}


def test_ids_grow_within_a_process() -> None:
    made = [new_id() for _ in range(100_000)]

    assert all(a < b for a, b in pairwise(made))


def test_ids_of_several_threads_are_all_different() -> None:
    made: list[UUID] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id() for _ in range(5_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 20_000


def test_ids_grow_when_the_machines_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)

    assert new_id() > before


def test_an_id_tells_when_it_was_made() -> None:
    age = datetime.now(UTC) - time_of(new_id())

    assert abs(age) < timedelta(minutes=1)
