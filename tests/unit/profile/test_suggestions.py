"""Who is alike, by splink: precision and recall on people with typing errors, and what people are compared by."""

import csv

import pytest
from msgspec import Raw, json

from bench.febrl import febrl, measured
from services.profile.suggestions import domain
from services.profile.suggestions.domain import Record
from services.profile.suggestions.matching import matches
from services.profile.suggestions.operations import THRESHOLD
from tests.shared import shared_data

ZHANG = {"surname": "zhang", "birthday": "19900214", "postcode": "200001", "city": "shanghai"}


def test_febrl1_is_linked_without_a_wrong_pair():
    """A thousand records, half of them duplicates with errors (Christen 2008). `bench suggest` measures FEBRL4."""
    records = febrl("dataset1")

    precision, recall = measured(records, matches(records, threshold=THRESHOLD))

    assert precision >= 0.995
    assert recall >= 0.98


def test_splinks_people_are_linked_as_the_labels_say():
    """Duplicates made to be hard: most have lost or mangled several of five fields, so that many cannot be found."""
    with shared_data("splink", "fake_1000.csv").open() as file:
        rows = list(csv.DictReader(file))
    clusters = {row["unique_id"]: row["cluster"] for row in rows}
    records = [
        Record(
            row["unique_id"],
            row["first_name"].casefold() or None,
            row["surname"].casefold() or None,
            row["dob"].replace("-", "") or None,
            city=row["city"].casefold() or None,
            email=row["email"].casefold() or None,
        )
        for row in rows
    ]
    with shared_data("splink", "fake_1000_labels.csv").open() as file:
        labels = [row for row in csv.DictReader(file) if float(row["clerical_match_score"]) > 0.5]
    labelled = {frozenset((row["unique_id_l"], row["unique_id_r"])) for row in labels}

    found = matches(records, threshold=THRESHOLD)

    right = [match for match in found if clusters[match.one] == clusters[match.other]]
    hits = labelled & {frozenset(match[:2]) for match in found}
    assert len(right) / len(found) >= 0.98
    assert len(hits) / len(labelled) >= 0.44


def test_a_typing_error_is_suggested_with_what_speaks_for_it_and_against_it():
    one = Record("a", "wei", **ZHANG, email="zhang.wei@mail.cn", phone="13912345678")
    other = Record("b", "wei", **ZHANG, email="zhang.wie@mail.cn", phone="18800001111")

    [match] = matches([one, other, Record("c", "min", "li")], threshold=THRESHOLD)

    assert (match.one, match.other) == ("a", "b")
    assert match.weights["name"] > 0 < match.weights["email"]
    assert match.weights["phone"] < 0
    assert "address" not in match.weights


def test_a_common_name_alone_is_no_reason():
    records = [Record(str(number), "伟", "王") for number in range(20)]

    assert matches(records, threshold=THRESHOLD) == []


@pytest.mark.parametrize("records", [[], [Record("a", "wei", "zhang")]])
def test_nobody_is_like_nobody(records):
    assert matches(records, threshold=0.0) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "王小明"}, {"given_name": "小明", "surname": "王"}),
        ({"name": "San Zhang"}, {"given_name": "san", "surname": "zhang"}),
        ({"firstName": "San", "last_name": "Zhang", "name": "x y"}, {"given_name": "san", "surname": "zhang"}),
        ({"birthday": "1990-02-14T00:00:00Z"}, {"birthday": "19900214"}),
        ({"phone": "+86 139-1234-5678"}, {"phone": "13912345678"}),
        ({"idCard": 3, "zip": "200001", "name": 7}, {"id_number": "3", "postcode": "200001", "surname": "7"}),
        ({"email": None}, {"email": "a@mail.cn"}),
    ],
)
def test_people_are_compared_by_what_is_known_in_one_form(values, expected):
    raw = {name: Raw(json.encode(value)) for name, value in values.items()}

    record = domain.record_of("p", raw, emails=["A@mail.cn"])

    assert {name: getattr(record, name) for name in expected} == expected
