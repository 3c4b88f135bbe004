"""Who an event is about: the cases of spec people §3.6 that need no database."""

from datetime import timedelta

import pytest

from services.profile.identity.domain import Trust
from tests.unit.profile.trials import START, Town


@pytest.fixture
def town():
    return Town()


def test_i2_a_shared_browser_is_handed_over_to_whoever_logs_in_and_merges_nobody(town):
    before = town.hear(("anonymous_id", "A"), trust=Trust.PUBLIC)
    first = town.hear(("anonymous_id", "A"), ("user_id", "u1"), trust=Trust.PUBLIC)
    between = town.hear(("anonymous_id", "A"), trust=Trust.PUBLIC)
    second = town.hear(("anonymous_id", "A"), ("user_id", "u2"), trust=Trust.PUBLIC)
    after = town.hear(("anonymous_id", "A"), trust=Trust.PUBLIC)

    assert before.person is first.person is between.person
    assert second.person is after.person is not first.person
    assert town.merges == 0


def test_i3_a_thousand_test_users_with_phones_of_their_own_stay_a_thousand_people(town):
    for number in range(1000):
        town.hear(("phone", f"138{number:08d}"), ("anonymous_id", f"a{number}"))

    assert len(town.partition()) == 1000
    assert town.merges == 0


def test_i5_a_second_user_id_on_the_same_address_makes_a_second_person_and_a_conflict(town):
    town.hear(("user_id", "cust-123"), ("email", "jane@mail.cn"))

    second = town.hear(("user_id", "cust-456"), ("email", "jane@mail.cn"))

    assert second.is_created
    assert town.who("email", "jane@mail.cn") == town.who("user_id", "cust-123")
    assert town.conflicts == [("jane@mail.cn", "LIMIT user_id 1")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_i6_two_apps_with_one_unionid_are_one_person(town, order):
    events = [(("wx.openid", "app1", "o1"), ("wx.unionid", "U")), (("wx.openid", "app2", "o2"), ("wx.unionid", "U"))]
    for index in order:
        town.hear(*events[index])

    assert town.partition() == {frozenset({"wx.openid/app1/o1", "wx.openid/app2/o2", "wx.unionid//U"})}


def test_i7_a_unionid_that_comes_later_unites_two_openids_under_the_earlier_one(town):
    late = town.hear(("wx.openid", "app2", "o2"), after=timedelta(hours=2))
    early = town.hear(("wx.openid", "app1", "o1"), after=timedelta(hours=1))

    town.hear(("wx.openid", "app1", "o1"), ("wx.unionid", "U"), after=timedelta(hours=3))
    both = town.hear(("wx.openid", "app2", "o2"), ("wx.unionid", "U"), after=timedelta(hours=4))

    assert len(town.partition()) == 1
    assert both.person is early.person
    assert late.person.root is early.person
    assert [merge.loser.profile_id for merge in both.merges] == [late.person.profile_id]


def test_i8_one_openid_in_two_apps_is_two_people(town):
    town.hear(("wx.openid", "app1", "same"))
    town.hear(("wx.openid", "app2", "same"))

    assert len(town.partition()) == 2


def test_i10_two_shops_with_one_omid_are_one_person_with_both_ouids(town):
    town.hear(("taobao.ouid", "shop1", "x1"))
    town.hear(("taobao.ouid", "shop2", "x2"))
    town.hear(("taobao.ouid", "shop1", "x1"), ("taobao.omid", "group", "m"))
    town.hear(("taobao.ouid", "shop2", "x2"), ("taobao.omid", "group", "m"))

    assert town.partition() == {frozenset({"taobao.ouid/shop1/x1", "taobao.ouid/shop2/x2", "taobao.omid/group/m"})}


def test_i12_a_family_phone_stays_with_the_first_unionid(town):
    town.hear(("wx.unionid", "U1"), ("phone", "13812345678"))
    town.hear(("wx.unionid", "U2"), ("phone", "13812345678"))

    assert len(town.partition()) == 2
    assert town.who("phone", "13812345678") == town.who("wx.unionid", "U1")
    assert town.conflicts == [("+8613812345678", "LIMIT wx.unionid 1")]


def test_i14_a_circle_of_aliases_is_one_person_and_its_last_step_changes_nothing(town):
    town.hear(("user_id", "b"), alias="a")
    town.hear(("user_id", "c"), alias="b")
    third = town.hear(("user_id", "a"), alias="c")

    assert len(town.partition()) == 1
    assert town.merges == 0
    assert not third.is_created
    assert not third.conflicts


def test_an_alias_of_two_known_people_from_a_server_makes_them_one(town):
    town.hear(("user_id", "u1"))
    town.hear(("user_id", "u2"), after=timedelta(hours=1))

    united = town.hear(("user_id", "u2"), alias="u1", after=timedelta(hours=2))

    assert town.who("user_id", "u1") == town.who("user_id", "u2")
    assert [merge.reason for merge in united.merges] == ["ALIAS"]


def test_i16_an_alias_of_two_known_people_in_public_is_not_believed(town):
    town.hear(("user_id", "u1"))
    known = town.hear(("user_id", "u2"))

    verdict = town.hear(("user_id", "u2"), alias="u1", trust=Trust.PUBLIC)

    assert verdict.person is known.person
    assert town.who("user_id", "u1") != town.who("user_id", "u2")
    assert town.conflicts == [("u1", "PUBLIC_TRUST")]


def test_an_alias_in_public_gives_an_anonymous_history_to_the_user(town):
    visitor = town.hear(("anonymous_id", "A"), trust=Trust.PUBLIC)

    user = town.hear(("user_id", "u1"), alias="A", trust=Trust.PUBLIC)

    assert user.person is visitor.person


def test_in_public_two_strong_identifiers_are_not_linked(town):
    town.hear(("user_id", "u1"))
    town.hear(("member_no", "m1"))

    town.hear(("user_id", "u1"), ("member_no", "m1"), trust=Trust.PUBLIC)

    assert len(town.partition()) == 2


def test_an_anonymous_person_is_absorbed_by_the_known_one(town):
    known = town.hear(("user_id", "u1"))
    town.hear(("anonymous_id", "A"), after=timedelta(days=-1))

    verdict = town.hear(("user_id", "u1"), ("anonymous_id", "A"))

    assert verdict.person is known.person
    assert len(verdict.merges) == 1
    assert known.person.create_time == START - timedelta(days=1)


def test_a_weak_match_never_gives_a_known_person_a_new_strong_identifier(town):
    town.hear(("member_no", "M1"), ("~phone", "13812345678"))

    verdict = town.hear(("user_id", "u1"), ("~phone", "13812345678"))

    assert verdict.is_created
    assert town.who("phone", "13812345678") == town.who("user_id", "u1") != town.who("member_no", "M1")


def test_an_unproven_claim_does_not_take_a_proven_phone_away(town):
    town.hear(("user_id", "u1"), ("phone", "13812345678"))

    town.hear(("user_id", "u2"), ("~phone", "13812345678"))

    assert town.who("phone", "13812345678") == town.who("user_id", "u1")


def test_an_unproven_phone_finds_the_person_who_proved_it(town):
    owner = town.hear(("user_id", "u1"), ("phone", "13812345678"))

    assert town.hear(("~phone", "13812345678")).person is owner.person


def test_what_breaks_a_limit_is_demoted_and_what_does_not_is_kept(town):
    person = town.hear(("user_id", "u1"), ("member_no", "M1")).person

    verdict = town.hear(("user_id", "u1"), ("member_no", "M2"), ("anonymous_id", "A"))

    assert verdict.person is person
    assert town.who("member_no", "M2") is None
    assert town.who("anonymous_id", "A") == person.profile_id


@pytest.mark.parametrize(("number", "is_held"), [(3, True), (4, False)])
def test_a_person_holds_at_most_three_proven_phones(town, number, is_held):
    for each in range(1, number + 1):
        town.hear(("user_id", "u1"), ("phone", f"1381234567{each}"))

    assert (town.who("phone", f"1381234567{number}") is not None) is is_held


def test_a_sixth_browser_within_a_week_is_not_believed_but_one_of_the_next_week_is(town):
    for number in range(6):
        town.hear(("user_id", "u1"), ("anonymous_id", f"A{number}"))
    town.hear(("user_id", "u1"), ("anonymous_id", "next"), after=timedelta(days=7))

    assert town.who("anonymous_id", "A4") is not None
    assert town.who("anonymous_id", "A5") is None
    assert town.who("anonymous_id", "next") == town.who("user_id", "u1")


def test_i28_the_hundred_and_first_merge_is_refused_and_the_event_still_finds_somebody(town):
    for number in range(102):
        later = timedelta(days=8 * number)
        visitor = town.hear(("anonymous_id", f"A{number}"), after=later)
        user = town.hear(("user_id", "u1"), ("anonymous_id", f"A{number}"), after=later)

    assert town.merges == 100  # the first visitor became the user
    assert user.person.profile_id == town.who("user_id", "u1")
    assert visitor.person.profile_id == town.who("anonymous_id", "A101")
    assert town.conflicts == [("A101", "MERGES_MAX")]
