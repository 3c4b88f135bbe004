"""Which of several facts holds, by rule: spec people §1C, C1 and C2."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.attributes import domain
from services.profile.attributes.domain import rules
from services.profile.attributes.domain.rules import Fact, Kind, Rule

EVERY_RULE = [Rule(kind, ("pos", "crm") if kind is Kind.SOURCE_PRIORITY else ()) for kind in Kind]
values = st.sampled_from([b"null", b'""', b"1", b"2.5", b"-3", b'"b"', b"[1,2]", b'["b"]', b"[]", b"true", b'{"a":1}'])
facts = st.tuples(st.integers(0, 5), st.sampled_from(["pos", "crm", "web", "retention"]), values.map(msgspec.Raw)).map(
    lambda told: Fact(*told)
)


def fact(value: object, time: int, source_id: str = "web") -> Fact:
    return Fact(time, source_id, msgspec.Raw(msgspec.json.encode(value)))


def shown(rule: Rule, said: Sequence[Fact]) -> object:
    folded = rules.fold(rule, *said)
    return None if folded is None else msgspec.json.decode(folded.value)


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.kind.name)
@given(said=st.lists(facts, max_size=8), data=st.data())
def test_c1_every_order_and_every_portion_comes_to_the_same(rule: Rule, said: list[Fact], data: st.DataObject):
    shuffled = data.draw(st.permutations(said))
    cut = data.draw(st.integers(0, len(said)))
    ruled = {"a": rule}

    def held(portion: Sequence[Fact]) -> dict[str, Fact]:
        return domain.fold_all([domain.ruled({"a": each}, ruled) for each in portion], ruled)

    whole = held(said)
    assert held(shuffled) == whole
    assert domain.fold(held(shuffled[:cut]), held(shuffled[cut:]), ruled) == whole
    assert domain.fold(whole, held(shuffled[:cut]), ruled) == whole
    assert domain.decode(domain.encode(whole)) == whole


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.kind.name)
@given(said=st.lists(facts, max_size=8))
def test_c1_each_rule_is_what_its_words_say(rule: Rule, said: list[Fact]):
    assert shown(rule, said) == _by_hand(rule, said)


def _by_hand(rule: Rule, said: list[Fact]) -> object:
    """The rule in its plainest form, over everything that was ever said."""
    unset = max((each.time for each in said if each.is_null and _unsets_all(rule, each)), default=-1)
    since = [each for each in said if each.time > unset and not each.is_null]
    if rule.kind is Kind.LATEST:
        latest = max(said, key=lambda each: (each.time, bytes(each.value), each.source_id), default=None)
        return None if latest is None else msgspec.json.decode(latest.value)
    if rule.kind is Kind.UNION:
        found = {msgspec.json.encode(element) for each in since for element in _listed(each)}
        return [msgspec.json.decode(each) for each in sorted(found, key=lambda text: b"[" + text + b"]")] or None
    if rule.kind is Kind.SOURCE_PRIORITY:
        return _most_trusted(rule, said, since)
    ranked = [(_class(each), each) for each in since]
    best = [each for rank, each in ranked if rank == max(rank for rank, _ in ranked)]
    if not best:
        return None
    if _class(best[0]) == 0:
        return msgspec.json.decode(max(best, key=lambda each: (each.time, bytes(each.value), each.source_id)).value)
    extreme = max if rule.kind is Kind.MAX else min
    return extreme(msgspec.json.decode(each.value) for each in best)


def _unsets_all(rule: Rule, each: Fact) -> bool:
    return rule.kind in (Kind.MAX, Kind.MIN, Kind.UNION) or each.source_id in rules.OFFICIAL


def _listed(each: Fact) -> list[object]:
    value = msgspec.json.decode(each.value)
    return value if isinstance(value, list) else [value]


def _class(each: Fact) -> int:
    value = msgspec.json.decode(each.value)
    return 0 if isinstance(value, bool | list | dict) else 1 if isinstance(value, str) else 2


def _most_trusted(rule: Rule, said: list[Fact], since: list[Fact]) -> object:
    def level(each: Fact) -> int:
        return rule.sources.index(each.source_id) if each.source_id in rule.sources else len(rule.sources)

    for wanted in range(len(rule.sources) + 1):
        mine = [each for each in since if level(each) == wanted]
        unset = max((each.time for each in said if each.is_null and level(each) <= wanted), default=-1)
        open_ = [each for each in mine if each.time > unset]
        if open_:
            latest = max(open_, key=lambda each: (each.time, bytes(each.value), each.source_id))
            return msgspec.json.decode(latest.value)
    return None


def test_c1_the_most_trusted_source_holds_whatever_comes_later():
    rule = Rule(Kind.SOURCE_PRIORITY, ("pos", "crm"))

    assert shown(rule, [fact("A", 1, "pos"), fact("B", 2, "crm"), fact("C", 3, "web")]) == "A"
    assert shown(rule, [fact("A", 1, "pos"), fact(None, 2, "crm")]) == "A"
    assert shown(rule, [fact("A", 1, "pos"), fact(None, 2, "pos"), fact("C", 3, "web")]) == "C"
    assert shown(rule, [fact("A", 1, "pos"), fact(None, 2, "retention")]) is None


def test_c1_extremes_and_unions_begin_anew_when_they_are_unset():
    said = [fact(5, 1), fact(3, 3), fact(None, 2)]

    assert shown(Rule(Kind.MAX), said) == 3
    assert shown(Rule(Kind.MIN), [*said, fact(9, 4)]) == 3
    assert shown(Rule(Kind.UNION), [fact(["a", "b"], 1), fact("c", 3), fact(None, 2), fact(["b"], 4)]) == ["b", "c"]


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.kind.name)
def test_c1_a_correction_replaces_what_was_said_under_every_rule(rule: Rule):
    corrected = rules.correction(fact("Z", 5, "privacy-request"))
    early = [fact("A", 1, "pos"), fact("~", 2, "web"), fact(9, 3, "crm")]

    assert shown(rule, [*early, corrected]) == (["Z"] if rule.kind is Kind.UNION else "Z")


def test_c1_what_has_no_parts_is_stored_as_a_release_without_rules_reads_it():
    assert domain.encode({"a": fact(1, 2)}) == '{"a":[2,"web",1]}'
