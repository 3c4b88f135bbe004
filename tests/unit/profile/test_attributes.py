"""Facts about a person, and how they are reconciled."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.profile.attributes import domain
from services.profile.attributes.domain import BYTES_MAX, Fact

facts = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["web", "pos"]),
        st.sampled_from([b"null", b'""', b"1", b"[2]"]).map(msgspec.Raw),
    ).map(lambda told: Fact(*told)),
)


@given(facts, facts, facts)
def test_facts_fold_the_same_in_any_order(one, two, three):
    left = domain.fold(domain.fold(one, two), three)
    right = domain.fold(one, domain.fold(three, two))

    assert left == right
    assert domain.fold(left, two) == left


@given(facts)
def test_facts_survive_being_stored(some):
    assert domain.decode(domain.encode(some)) == some


def test_null_unsets_and_an_empty_text_does_not():
    some = domain.fold(
        {"a": Fact(1, "web", msgspec.Raw(b"1")), "b": Fact(1, "web", msgspec.Raw(b"1"))},
        {"a": Fact(2, "web", msgspec.Raw(b"null")), "b": Fact(2, "web", msgspec.Raw(b'""'))},
    )

    assert domain.public(some) == '{"b":""}'


def test_a_person_of_whom_too_much_is_said_keeps_the_newest():
    much = msgspec.Raw(b'"' + b"x" * (BYTES_MAX // 2) + b'"')

    kept = domain.fold({"old": Fact(1, "web", much)}, {"new": Fact(3, "web", much), "mid": Fact(2, "web", much)})

    assert list(kept) == ["new"]
