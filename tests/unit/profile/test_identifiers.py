"""What becomes of identifiers before anybody compares them."""

import pytest

from services.profile.identity.domain import claim
from services.profile.identity.domain.kinds import KINDS, Scope
from services.profile.identity.errors import IdentifierInvalid


@pytest.mark.parametrize(
    "written", ["138 0013 8001", "+8613800138001", "86-13800138001", "0086 138-0013-8001", "１３８００１３８００１"]
)
def test_i30_a_phone_is_one_identifier_however_it_is_written(written):
    assert claim("phone", "", written).value == "+8613800138001"
    assert claim("phone", "", written).key == claim("phone", "", "13800138001").key


@pytest.mark.parametrize(
    ("type_name", "written", "normal"),
    [
        ("user_id", "  Ab-1 ", "Ab-1"),
        ("member_no", " vip 00 17a ", "VIP0017A"),
        ("email", " Ann.Lee+shop@Mail.CN ", "ann.lee+shop@mail.cn"),
        ("phone", "021-6234 5678", "+862162345678"),
        ("phone", "+1 202-555-0123", "+12025550123"),
        ("anonymous_id", "aBc", "aBc"),
        ("idfa", "AB-12", "ab-12"),
    ],
)
def test_a_value_has_one_written_form(type_name, written, normal):
    assert claim(type_name, "", written).value == normal


@pytest.mark.parametrize(
    "value", ["", "   ", "0", "000-000", "null", '"NULL"', "Undefined", "[object Object]", "test", "游客"]
)
@pytest.mark.parametrize("type_name", ["user_id", "member_no", "anonymous_id"])
def test_i3_a_value_that_stands_for_nobody_is_blocked(type_name, value):
    with pytest.raises(IdentifierInvalid) as refused:
        claim(type_name, "", value)

    assert refused.value.blocked


@pytest.mark.parametrize(
    "value",
    [
        "18877771111-123",
        "+86 18877771111-123",
        "138****8001",
        "1388000****",
        "188xxxx1111",
        "188••••1111",
        "18877771111转123",
        "18877771111,1234",
        "18877771111[1234]",
        "18877771111－123",
        "13800138000",
        "11111111111",
        "12345",
        "10086",
        "1",
        "call me",
    ],
)
def test_i9_a_virtual_masked_or_invented_phone_is_blocked(value):
    with pytest.raises(IdentifierInvalid) as refused:
        claim("phone", "", value)

    assert refused.value.blocked


@pytest.mark.parametrize("mask", ["*", "****", "＊", "∗", "•••", "●", "××××", "####"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_masked_value_of_any_kind_names_nobody(kind, mask):
    namespace = "shop" if KINDS[kind].scope is Scope.REQUIRED else ""
    value = f"a{mask}@mail.cn" if kind == "email" else f"138{mask}0001"

    with pytest.raises(IdentifierInvalid) as refused:
        claim(kind, namespace, value)

    assert refused.value.blocked


@pytest.mark.parametrize("value", ["a@example.com", "a@test.com", "a b@c.cn", "a@b", "@b.cn", "plain"])
def test_an_address_that_nobody_reads_is_blocked(value):
    with pytest.raises(IdentifierInvalid):
        claim("email", "", value)


def test_the_zero_uuid_is_blocked():
    with pytest.raises(IdentifierInvalid):
        claim("idfa", "", "00000000-0000-0000-0000-000000000000")


def test_i11_the_oaid_of_an_order_is_refused_and_that_of_a_device_is_taken():
    with pytest.raises(IdentifierInvalid, match=r"android\.oaid"):
        claim("taobao.oaid", "shop-1", "1abc")

    assert claim("android.oaid", "", "1abc").grade.is_weak


def test_a_type_of_ones_own_is_refused():
    with pytest.raises(IdentifierInvalid, match="not a known type") as refused:
        claim("loyalty.card", "", "1")

    assert not refused.value.blocked
    assert refused.value.reason == "IDENTIFIER_INVALID"
    assert refused.value.metadata["type"] == "loyalty.card"


def test_an_openid_needs_the_app_it_belongs_to():
    with pytest.raises(IdentifierInvalid, match="needs a namespace"):
        claim("wx.openid", " ", "o-1")


def test_a_phone_has_no_namespace():
    with pytest.raises(IdentifierInvalid, match="has no namespace"):
        claim("phone", "shop", "13812345678")


@pytest.mark.parametrize(("length", "is_taken"), [(200, True), (201, False)])
def test_a_value_has_at_most_two_hundred_characters(length, is_taken):
    try:
        claim("user_id", "", "x" * length)
        taken = True
    except IdentifierInvalid:
        taken = False

    assert taken is is_taken


def test_a_phone_that_nobody_proved_is_weak():
    assert claim("phone", "", "13812345678", False).grade.is_weak
    assert not claim("phone", "", "13812345678", True).grade.is_weak
