"""What holds for every set of candidates."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.distribution.orders.domain.attribution import LOSERS_MAX, Sale, Step, decide
from services.distribution.partners.domain import Partner, PartnerState, Role
from services.distribution.ripples.domain import Click

NOW = datetime(2026, 6, 20, tzinfo=UTC)
WINDOW = timedelta(days=7)
BUYER = UUID(int=99)


def a_partner(number: int, *, left: bool, is_buyer: bool) -> Partner:
    return Partner(
        UUID(int=number), Role.GUIDE, "P", str(number), None, BUYER if is_buyer else None,
        PartnerState.ACTIVE, NOW - timedelta(days=1) if left else None, NOW, NOW,
    )  # fmt: skip


partners = st.builds(
    lambda flags: {UUID(int=n): a_partner(n, left=left, is_buyer=own) for n, (left, own) in enumerate(flags)},
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=4),
)


def a_click(seconds: int, partner: int, sku: str) -> Click:
    return Click(UUID(int=seconds), NOW - timedelta(seconds=seconds), "t", sku, UUID(int=partner), None)


clicks = st.lists(
    st.builds(
        a_click,
        st.integers(0, 14 * 86_400),
        st.integers(0, 3),
        st.sampled_from(["", "bought", "other"]),
    ),
    max_size=60,
    unique_by=lambda click: click.touch_id,
).map(lambda found: sorted(found, key=lambda click: click.touch_time, reverse=True))


@given(partners, clicks, st.sampled_from([None, 0, 1]), st.sampled_from([None, 2, 3]))
def test_the_winner_is_fit_and_every_other_candidate_has_a_reason(known, found, seller, store):
    ids = [UUID(int=number) if number is not None else None for number in (seller, store)]
    sale = Sale(BUYER, NOW, frozenset({"bought"}), ids[0], ids[1], found)

    credit = decide(sale, known, window=WINDOW)

    count = len(found) + sum(id_ is not None for id_ in ids)
    assert len(credit.losers) == min(LOSERS_MAX, count - (credit.step != Step.HOUSE))
    if credit.step == Step.HOUSE:
        assert credit.partner_id is None
        assert {loser.reason for loser in credit.losers} <= {"SELF_PURCHASE", "PARTNER_INACTIVE", "OUTSIDE_WINDOW"}
    else:
        winner = known[credit.partner_id]
        assert winner.inactive_time is None
        assert winner.profile_id != BUYER
