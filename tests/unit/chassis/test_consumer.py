"""Laws of the batches in which a consumer hands out events."""

from hypothesis import given
from hypothesis import strategies as st

from chassis.consumer import runs

EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("1234")), max_size=40)


@given(EVENTS)
def test_every_event_is_handed_out_once_in_batches_of_one_type(events: list[tuple[str, str]]) -> None:
    batches = runs([(kind, key, index) for index, (kind, key) in enumerate(events)])

    assert sorted(index for batch in batches for index in batch) == list(range(len(events)))
    assert all(len({events[index][0] for index in batch}) == 1 for batch in batches)


@given(EVENTS)
def test_events_about_one_key_stay_in_order(events: list[tuple[str, str]]) -> None:
    order = [index for batch in runs([(kind, key, i) for i, (kind, key) in enumerate(events)]) for index in batch]

    for key in "1234":
        about = [index for index in order if events[index][1] == key]
        assert about == sorted(about)


def test_events_about_others_do_not_part_a_batch() -> None:
    events = [("recorded", "ann", 0), ("updated", "ann", 1), ("recorded", "bob", 2), ("recorded", "ann", 3)]

    assert runs(events) == [[0, 2], [1], [3]]
