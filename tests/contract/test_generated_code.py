"""What is generated from the contracts is committed as generated."""

import pytest

from tools import docs, protos


def test_the_stubs_are_what_the_contracts_generate(tmp_path):
    protos.generate(tmp_path)

    assert protos.stale(tmp_path) == [], "run make proto"


def test_generating_twice_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"

    for target in (first, second):
        target.mkdir()
        protos.generate(target)

    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert names
    assert [name for name in names if (first / name).read_bytes() != (second / name).read_bytes()] == []


@pytest.mark.parametrize("page", ["errors.md", "events.md"])
def test_the_generated_pages_say_what_the_contracts_say(page):
    assert (docs.DOCS / page).read_text() == docs.pages()[page], "run make docs"
