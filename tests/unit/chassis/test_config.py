"""Settings come from the environment, whole or not at all."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from chassis.config import SettingsInvalid, load


@dataclass(frozen=True)
class Inner:
    nats_url: str = "nats://localhost"
    batch_max: int = 10


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)
    inner: Inner
    sandbox: bool = False
    sandbox_start: datetime | None = None
    rate: float = 1.5
    timeout: timedelta = timedelta(seconds=2)
    brokers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rate > 100:
            raise ValueError("BOWEN_RATE must be at most 100")


def test_every_kind_of_field_is_read():
    settings = load(
        Settings,
        {
            "BOWEN_DATABASE_URL": "postgresql://x",
            "BOWEN_NATS_URL": "nats://other",
            "BOWEN_BATCH_MAX": "7",
            "BOWEN_SANDBOX": "True",
            "BOWEN_SANDBOX_START": "2026-01-01T00:00:00Z",
            "BOWEN_RATE": "0.25",
            "BOWEN_TIMEOUT": "1.5",
            "BOWEN_BROKERS": "a, b,",
        },
    )

    assert settings == Settings(
        "postgresql://x",
        Inner("nats://other", 7),
        True,
        datetime(2026, 1, 1, tzinfo=UTC),
        0.25,
        timedelta(seconds=1.5),
        ("a", "b"),
    )


def test_what_is_absent_or_empty_has_its_default():
    settings = load(Settings, {"BOWEN_DATABASE_URL": "x", "BOWEN_BATCH_MAX": ""})

    assert settings == Settings("x", Inner())


def test_all_faults_are_reported_at_once():
    environ = {
        "BOWEN_BATCH_MAX": "many",
        "BOWEN_SANDBOX": "perhaps",
        "BOWEN_SANDBOX_START": "2026-01-01T00:00:00",
        "BOWEN_TIMEOUT": "inf",
        "BOWEN_UNKNOWN": "is not ours to judge",
    }

    with pytest.raises(SettingsInvalid) as caught:
        load(Settings, environ)

    assert sorted(fault.split()[0] for fault in caught.value.faults) == [
        "BOWEN_BATCH_MAX",
        "BOWEN_DATABASE_URL",
        "BOWEN_SANDBOX",
        "BOWEN_SANDBOX_START",
        "BOWEN_TIMEOUT",
    ]


def test_a_rule_across_fields_is_a_fault_as_well():
    with pytest.raises(SettingsInvalid, match="must be at most 100"):
        load(Settings, {"BOWEN_DATABASE_URL": "x", "BOWEN_RATE": "101"})


def test_a_secret_is_read_from_a_file_and_not_shown(tmp_path):
    (tmp_path / "url").write_text("postgresql://secret\n")

    settings = load(Settings, {"BOWEN_DATABASE_URL_FILE": str(tmp_path / "url")})

    assert settings.database_url == "postgresql://secret"
    assert "secret" not in repr(settings)


def test_a_secret_given_twice_is_a_fault(tmp_path):
    with pytest.raises(SettingsInvalid, match="both set"):
        load(Settings, {"BOWEN_DATABASE_URL": "x", "BOWEN_DATABASE_URL_FILE": str(tmp_path / "url")})


def test_a_secret_whose_file_is_missing_is_a_fault(tmp_path):
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        load(Settings, {"BOWEN_DATABASE_URL_FILE": str(tmp_path / "url")})
