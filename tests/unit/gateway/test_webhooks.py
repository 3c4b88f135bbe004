"""How webhooks are signed, when they are tried again, and where they may go."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.webhooks.addresses import check_url, is_public
from gateway.webhooks.domain import DELAYS, Attempt, Status, judge, new_secret, sign
from gateway.webhooks.errors import WebhookUrlRefused

NOW = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)


def test_a_body_is_signed_as_the_specification_shows() -> None:
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"

    headers = sign([secret], message_id, datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}')

    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_make_two_signatures() -> None:
    old, new = new_secret(b"o" * 32), new_secret(b"n" * 32)

    both = sign([new, old], "msg_1", NOW, b"{}")["webhook-signature"].split(" ")

    assert both == [sign([secret], "msg_1", NOW, b"{}")["webhook-signature"] for secret in (new, old)]
    assert len(set(both)) == 2


def test_attempts_are_spread_over_more_than_a_day_and_end() -> None:
    time, attempts = NOW, 1
    while (verdict := judge(Attempt(time, 500, "", 1), attempts, chance=0.0)).next_time:
        assert verdict.status == Status.PENDING
        time, attempts = verdict.next_time, attempts + 1

    assert (verdict.status, attempts) == (Status.FAILED, 8)
    assert time - NOW == sum(DELAYS, timedelta()) > timedelta(days=1)
    later = judge(Attempt(NOW, 0, "TIMED_OUT", 1), 1, chance=1.0).next_time
    assert later == NOW + timedelta(seconds=6)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Status.DELIVERED), (299, Status.DELIVERED), (302, Status.PENDING), (410, Status.FAILED)],
)
def test_only_a_2xx_is_an_answer_and_410_is_the_last(status: int, verdict: Status) -> None:
    assert judge(Attempt(NOW, status, "", 1), 1, 0.5).status == verdict


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "198.18.0.1", "192.0.2.1",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https:///x", "https://a:b@example.com/",
        "//example.com",
        "https://example.com/#part", "https://example.com:0/", "https://example.com:99999/", "https://ex ample.com/",
        "https://example.com/\u6ce2", "https://[::1", "example.com",
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        check_url(url, anywhere=False)


def test_an_https_address_is_taken_and_plain_http_where_it_is_allowed() -> None:
    check_url("https://example.com:8443/hooks?brand=1", anywhere=False)
    check_url("http://127.0.0.1:9000/", anywhere=True)
