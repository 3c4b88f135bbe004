"""Who calls travels in metadata, and every piece of work can ask."""

from hypothesis import given
from hypothesis import strategies as st

from chassis import caller
from chassis.caller import Call, Caller

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scopes = st.frozensets(st.sampled_from(["profile.people:read", "incentive.grants:write", "a.b:read"]))


@given(st.builds(Caller, text.filter(bool), scopes, text, text))
def test_a_caller_is_the_same_on_the_other_side(who):
    metadata = dict(caller.to_metadata(who))

    assert caller.from_metadata(metadata) == who
    assert all(value.isascii() and value.isprintable() and value == value.strip() for value in metadata.values())


def test_metadata_that_names_nobody_is_no_caller():
    assert caller.from_metadata({"user-agent": "x"}) is None


def test_work_that_nobody_asked_for_belongs_to_a_service_and_has_no_limit():
    call = caller.current()

    assert call.caller.is_service
    assert call.deadline is None


def test_the_current_call_is_known_inside_and_forgotten_outside():
    call = Call(Caller("key:1"), "/x/Y")

    with caller.acting(call):
        assert caller.current() is call
    assert caller.current().caller == caller.ANONYMOUS_SERVICE


def test_a_key_is_no_service():
    assert not Caller("key:service:profile").is_service
    assert caller.service("profile").is_service
