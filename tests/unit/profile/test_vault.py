"""Sealing, hashing, and the key from outside."""

import base64
import os

import pytest

from services.profile.vault import domain
from services.profile.vault.domain import Vault
from services.profile.vault.errors import KeyWrong


def a_vault(*versions: int) -> Vault:
    return Vault(domain.new_key(), {version: domain.new_key() for version in versions or (1,)})


@pytest.mark.parametrize("text", ["", "{}", '{"name": "张三"}', "x" * 100_000])
def test_what_is_sealed_opens_again_and_shows_nothing(text):
    vault = a_vault()

    sealed = vault.seal(text, b"person 1")

    assert vault.unseal(sealed, b"person 1") == text
    assert len(text) < 3 or text not in sealed
    assert vault.seal(text, b"person 1") != sealed


def test_what_is_sealed_for_one_person_does_not_open_for_another():
    vault = a_vault()

    with pytest.raises(KeyWrong):
        vault.unseal(vault.seal("{}", b"person 1"), b"person 2")


@pytest.mark.parametrize("change", [lambda s: s[:-4], lambda s: s.replace(":1:", ":2:"), lambda s: s[:-8] + "AAAAAAA="])
def test_what_was_changed_does_not_open(change):
    vault = a_vault()

    with pytest.raises(KeyWrong):
        vault.unseal(change(vault.seal("some text", b"")), b"")


def test_text_that_was_never_sealed_is_read_as_it_is():
    assert a_vault().unseal('{"a": 1}', b"x") == '{"a": 1}'


def test_a_newer_key_seals_and_the_older_still_opens():
    index, first, second = (domain.new_key() for _ in range(3))
    old, new = Vault(index, {1: first}), Vault(index, {1: first, 2: second})

    sealed = old.seal("text", b"")

    assert new.unseal(sealed, b"") == "text"


def test_a_hash_depends_on_the_key_the_purpose_and_where_its_parts_end():
    vault = a_vault()

    hashes = {
        vault.hash("a", b"x", b"y"),
        vault.hash("b", b"x", b"y"),
        vault.hash("a", b"xy"),
        vault.hash("a", b"xy", b""),
        a_vault().hash("a", b"x", b"y"),
    }

    assert len(hashes) == 5
    assert vault.hash("a", b"x", b"y") in hashes
    assert len(vault.hash("a", b"x", size=16)) == 16


@pytest.mark.parametrize("text", ["", "x", base64.b64encode(bytes(31)).decode(), "!" * 44])
def test_a_key_from_outside_is_32_bytes(text):
    with pytest.raises(ValueError, match="32 random bytes"):
        domain.wrapping(text)


def test_a_wrapped_key_opens_with_its_own_key_under_its_own_name_only():
    ours, theirs = (domain.wrapping(base64.b64encode(os.urandom(32)).decode()) for _ in range(2))
    key = domain.new_key()

    wrapped = ours.wrap("data", 1, key)

    assert ours.unwrap(wrapped) == key
    for opener, taken in (
        (theirs, wrapped),
        (ours, wrapped._replace(version=2)),
        (ours, wrapped._replace(name="index")),
    ):
        with pytest.raises(KeyWrong):
            opener.unwrap(taken)
