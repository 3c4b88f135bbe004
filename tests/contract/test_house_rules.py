"""Rules of the house that no linter knows."""

import re
from pathlib import Path

import pytest

from tools import docs, protos

ROOT = protos.ROOT
CODE = ("chassis", "logic", "people", "services", "gateway", "suite", "tools", "bench")
LINES_MAX = 400
CONTRACTS = docs.load()
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/__main__.py"))
PACKAGES_WITH_REASONS = [package for package in CONTRACTS.packages if CONTRACTS.reasons(package)]
EVENTS = [(package, *event) for package in CONTRACTS.packages for event in CONTRACTS.events(package)]


def sources(*folders: str) -> list[Path]:
    """Python modules of ours below the folders, the committed ones and those about to be."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def places(paths: list[Path], pattern: str) -> list[str]:
    """`file:line` of every line that matches."""
    wanted = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if wanted.search(line)
    ]


def test_only_the_chassis_commits():
    committers = {ROOT / "chassis" / "db.py", ROOT / "chassis" / "migrate.py"}
    others = [path for path in sources(*CODE) if path not in committers]

    assert places(others, r"\.commit\(") == []


@pytest.mark.parametrize("folder", sorted(ROOT.glob("**/migrations/0001_*.py")), ids=lambda path: path.parts[-3])
def test_migrations_are_one_chain_in_the_order_of_their_numbers(folder):
    def found(text: str, name: str) -> str | None:
        match = re.search(rf'^{name} = "(\d+)"', text, re.MULTILINE)
        return match and match[1]

    steps = sorted(folder.parent.glob("[0-9]*.py"))
    texts = [path.read_text() for path in steps]

    assert [found(text, "revision") for text in texts] == [path.name[:4] for path in steps]
    assert [found(text, "down_revision") for text in texts] == [None, *(path.name[:4] for path in steps[:-1])]


def test_no_module_is_too_long_to_read():
    modules = [path for path in sources(*CODE, "tests") if "migrations" not in path.parts]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in modules}

    assert {name: lines for name, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_test_sleeps_for_a_fixed_time():
    exempt = {Path(__file__), ROOT / "tests" / "waiting.py"}
    tests = [path for path in sources("tests") if path not in exempt]

    assert places(tests, r"time\.sleep\(|asyncio\.sleep\([0-9.]*[1-9]") == []


def test_nothing_is_left_to_do_later():
    here = Path(__file__)
    contracts = sorted((ROOT / "proto" / "bowen").rglob("*.proto"))

    assert places([p for p in sources(*CODE, "tests") if p != here] + contracts, r"\b(TODO|FIXME|XXX)\b") == []


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").iterdir()), ids=lambda path: path.name)
def test_a_lock_names_no_package_host(lock):
    assert places([lock], r"://|--(extra-)?index-url|--find-links|--trusted-host") == []


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_every_locked_release_has_a_hash(lock):
    pins = re.split(r"\n(?=\S)", lock.read_text().strip())

    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


@pytest.mark.parametrize("lock", ["build", "gateway", "service", "suggest", "suite"])
def test_all_locks_pin_the_same_releases(lock):
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[A-Za-z0-9_.-]+==\S+", (ROOT / "requirements" / f"{name}.txt").read_text(), re.MULTILINE)
        )

    assert pins(lock) - pins("dev") == set()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_page_that_says_what_it_owns(service):
    page = (ROOT / "services" / service / "README.md").read_text()

    assert page.startswith("# ")
    assert len(page.splitlines()) > 10


@pytest.mark.parametrize("package", PACKAGES_WITH_REASONS)
def test_every_reason_has_exactly_one_class_of_refusal(package):
    promised = sorted(value.name.removeprefix(docs.PREFIX) for value in CONTRACTS.reasons(package).value[1:])
    classes = docs.refusals(package)

    assert sorted(classes) == promised
    assert {reason: kinds for reason, kinds in classes.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("package", PACKAGES_WITH_REASONS)
def test_every_class_of_refusal_says_what_it_means(package):
    kinds = [kind for found in docs.refusals(package).values() for kind in found]

    assert [kind.__name__ for kind in kinds if not kind.__dict__.get("__doc__")] == []


@pytest.mark.parametrize(("package", "message", "option"), EVENTS, ids=[message.name for _, message, _ in EVENTS])
def test_an_event_is_keyed_by_a_text_field_of_its_own(package, message, option):
    texts = [field.name for field in message.field if field.type == field.TYPE_STRING]

    assert option.key in texts
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", option.subject)


def test_no_two_events_share_a_type():
    types = [f"{package}.{option.subject}" for package, _, option in EVENTS]

    assert types
    assert len(types) == len(set(types))


def test_events_stand_in_the_file_made_for_them():
    files = {file.name: file for file in CONTRACTS.files}
    holders = {name for name, file in files.items() for package, message, _ in EVENTS if message in file.message_type}

    assert {name for name in holders if not name.endswith("/events.proto")} == set()
