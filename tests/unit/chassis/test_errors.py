"""Every refusal crosses the wire and comes out as what it was."""

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import errors
from chassis.errors import HTTP, KINDS, InvalidArgument, QuotaExceeded, Refusal, from_status, to_status

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.builds(
    lambda kind, message, metadata: kind(message, **metadata),
    st.sampled_from([kind for kind in KINDS.values() if kind is not InvalidArgument]),
    text,
    st.dictionaries(text.filter(lambda key: key != "retry_after"), text, max_size=3),
)
later = st.builds(
    lambda message, seconds: QuotaExceeded(message, retry_after=seconds),
    text,
    st.floats(0, 3600).map(lambda seconds: round(seconds, 3)),
)
invalid = st.builds(InvalidArgument.of, st.lists(st.tuples(text, text), min_size=1, max_size=5))


def crossed(refusal: Refusal, domain: str = "trial.bowen") -> Refusal:
    status = to_status(refusal, domain)
    return from_status(errors.code_of(status.code), status.message, status.SerializeToString())


@given(st.one_of(plain, later, invalid))
def test_a_refusal_is_the_same_on_the_other_side(refusal):
    twin = crossed(refusal)

    assert type(twin) is type(refusal)
    assert (twin.reason, twin.message, twin.metadata) == (refusal.reason, refusal.message, refusal.metadata)
    assert (twin.violations, twin.retry_after) == (refusal.violations, refusal.retry_after)
    assert twin.definitive == refusal.definitive


class BudgetGone(errors.FailedPrecondition):
    """For the test."""

    reason = "BUDGET_GONE"


def test_a_refusal_of_a_service_arrives_as_its_kind_with_its_reason_and_domain():
    twin = crossed(BudgetGone("no budget is left", campaign_id="c1"), "incentive.bowen")

    assert type(twin) is errors.FailedPrecondition
    assert twin.reason == "BUDGET_GONE"
    assert twin.metadata == {"campaign_id": "c1"}
    assert twin.domain == "incentive.bowen"


def test_a_refusal_that_is_passed_on_keeps_the_domain_it_came_from():
    first = crossed(BudgetGone("no budget is left"), "incentive.bowen")

    assert crossed(first, "distribution.bowen").domain == "incentive.bowen"


@given(st.sampled_from(list(grpc.StatusCode)), st.binary(max_size=60))
def test_whatever_comes_back_from_a_call_becomes_a_refusal(code, details):
    assert isinstance(from_status(code, "text", details), Refusal)


def test_metadata_may_use_the_names_of_our_own_arguments():
    assert crossed(errors.NotFound("gone", message="m", code="c", self="s")).metadata == {
        "message": "m",
        "code": "c",
        "self": "s",
    }


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_kind_has_an_http_status(kind):
    assert HTTP[kind.code] >= 400


def test_only_refusals_that_stay_the_same_when_repeated_are_definitive():
    passing = {kind.__name__ for kind in KINDS.values() if not kind.definitive}

    assert passing == {"Conflict", "QuotaExceeded", "Unavailable", "DeadlineExceeded", "Internal"}


def test_an_overload_says_when_to_come_back():
    assert errors.Overloaded().retry_after == 1.0
    assert errors.Overloaded.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_many_violations_make_a_message_of_bounded_length_and_are_all_kept():
    refusal = InvalidArgument.of([(f"f{number}", "is required") for number in range(500)])

    assert len(refusal.violations) == 500
    assert len(refusal.message) < 300


def test_of_more_violations_than_metadata_carries_the_first_arrive():
    wordy = InvalidArgument.of([(f"rows[{number}].name", "must not hold a NUL character") for number in range(2000)])

    twin = crossed(wordy)

    assert type(twin) is InvalidArgument
    assert 50 < len(twin.violations) < 2000
    assert twin.violations == wordy.violations[: len(twin.violations)]
    assert len(to_status(wordy, "trial.bowen").SerializeToString()) < 16_000


def test_a_method_that_the_peer_does_not_know_yet_is_an_outage():
    assert type(from_status(grpc.StatusCode.UNIMPLEMENTED, "Method not found")) is errors.Unavailable
