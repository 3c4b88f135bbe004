"""What is shown of personal data."""

import json

import pytest

from services.profile.identity.domain import masks


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+8613812345678", "+86138****5678"),
        ("13812345678", "138****5678"),
        ("138 1234 5678", "138 1****5678"),
        ("zhang.san@mail.cn", "z***@mail.cn"),
        ("M1", "M1"),
        ("oX7-abc", "oX7-abc"),
        ("2026-06-20", "2026-06-20"),
        ("12345", "12345"),
        ("", ""),
    ],
)
def test_numbers_and_addresses_are_known_by_their_shape(text, shown):
    assert masks.value(text) == shown


@pytest.mark.parametrize(("text", "shown"), [("张三", "张**"), ("Zoë", "Z**"), ("", "")])
def test_of_a_name_the_first_letter_is_left(text, shown):
    assert masks.name(text) == shown


def masked(value: object, *, about_person: bool = True) -> object:
    return json.loads(masks.json_object(json.dumps(value), about_person=about_person))


def test_what_is_personal_is_hidden_however_deep_it_stands_and_the_rest_is_not_touched():
    told = {
        "name": "张三",
        "Phone_Number": "010-12345678",
        "mobile": 13812345678,
        "email": "a@b.cn",
        "city": "上海",
        "birthday": "1990-01-01",
        "address": {"street": "x", "no": 1},
        "tags": ["vip", "+8613812345678"],
        "first-name": None,
        "level": 3,
        "friends": [{"firstName": "Li"}],
    }

    assert masked(told) == {
        "name": "张**",
        "Phone_Number": "010-****5678",
        "mobile": "***",
        "email": "a***@b.cn",
        "city": "上海",
        "birthday": "***",
        "address": "***",
        "tags": ["vip", "+86138****5678"],
        "first-name": None,
        "level": 3,
        "friends": [{"firstName": "L**"}],
    }


def test_what_a_product_is_called_is_shown_and_what_a_person_is_called_in_its_traits_is_not():
    told = {"name": "Green tea", "traits": {"name": "张三"}, "page": {"title": "Tea"}}

    assert masked(told, about_person=False) == {
        "name": "Green tea",
        "traits": {"name": "张**"},
        "page": {"title": "Tea"},
    }


@pytest.mark.parametrize("text", ["", "{}"])
def test_nothing_stays_nothing(text):
    assert masks.json_object(text, about_person=True) == text
