"""Golden numbers of spec value §2.1, from KPMG's handbook example, and what holds for all numbers."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.audits.domain.liability import (
    Cohort,
    allocate,
    following,
    journal,
    previous,
    printed,
    recognised,
)


def test_a_sale_parts_by_stand_alone_prices() -> None:
    share = allocate(200_000, 17_000)

    assert (printed(share.revenue), printed(share.liability)) == (184_332, 15_668)
    assert share.revenue + share.liability == 200_000


def kpmg(expected_in_the_second_year: int) -> Cohort:
    return Cohort(
        "2025-01",
        issued=10_000,
        value=9_000_000,
        redeemed={"2025-06": 4_500, "2026-06": 4_000},
        estimates={"2025-01": 9_700, "2026-01": expected_in_the_second_year},
    )


def test_the_first_year_recognises_what_was_redeemed_of_what_is_expected() -> None:
    assert recognised(Fraction(9_000), 4_500, 9_700) == Fraction(405_000, 97)
    assert printed(kpmg(9_900).recognised_by("2025-12")) == 4_175


def test_a_second_year_with_a_higher_estimate_recognises_less() -> None:
    cohort = kpmg(9_900)

    assert printed(cohort.recognised_by("2026-12")) - printed(cohort.recognised_by("2025-12")) == 3_552


def test_a_second_year_with_a_lower_estimate_recognises_more() -> None:
    cohort = kpmg(9_200)

    assert printed(cohort.recognised_by("2026-12")) - printed(cohort.recognised_by("2025-12")) == 4_140


def test_an_estimate_counts_from_its_month_on_and_takes_revenue_back_if_it_grows() -> None:
    cohort = kpmg(9_900)

    assert cohort.recognised_in("2025-12") == 0
    assert cohort.recognised_in("2026-01") == 4_091 - 4_175


def test_without_an_estimate_all_points_are_expected() -> None:
    assert Cohort("2026-01", 100, 1_000_000, {"2026-02": 50}).recognised_by("2026-02") == 500


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2025-11", "2025-12", "2026-01"]),
            st.integers(1, 10**6),
            st.integers(0, 10**9),
            st.dictionaries(st.sampled_from(["2025-12", "2026-01", "2026-02"]), st.integers(0, 10**5)),
            st.dictionaries(st.sampled_from(["2025-11", "2026-01"]), st.integers(1, 10**6)),
        ),
        max_size=6,
    )
)
def test_months_of_the_journal_add_up_to_what_is_still_owed_and_that_is_never_negative(
    made: list[tuple[str, int, int, dict[str, int], dict[str, int]]],
) -> None:
    cohorts = [
        Cohort(month, issued, value, {when: count for when, count in redeemed.items() if when >= month}, estimates)
        for month, issued, value, redeemed, estimates in made
    ]
    months = list(journal(cohorts, "2026-03"))

    assert [month.month for month in months] == sorted({month.month for month in months})
    owed = sum(printed(cohort.allocated) - printed(cohort.recognised_by("2026-03")) for cohort in cohorts)
    assert (months[-1].balance if months else 0) == owed >= 0
    assert sum(month.deferred - month.recognised for month in months) == owed


def test_months_follow_each_other_over_the_turn_of_the_year() -> None:
    assert (previous("2026-01"), following("2025-12"), previous("2026-03"), following("2026-09")) == (
        "2025-12", "2026-01", "2026-02", "2026-10",
    )  # fmt: skip
