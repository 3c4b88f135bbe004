"""Laws of packets: spec value CP-10, CPN-17, CPN-18."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.packets.domain import (
    BACK,
    Change,
    Packet,
    Recall,
    State,
    bill_no_of,
    closing,
    freed,
    heard,
    owed,
    packet_id_of,
    recalled,
)
from services.incentive.packets.domain.payouts import Answer, Word

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AMOUNT = 500

steps = st.one_of(
    st.sampled_from(Word).map(Answer),
    st.integers(0, 2 * AMOUNT),
    st.just("lease"),
)


def a_packet() -> Packet:
    return Packet(uuid4(), str(uuid4()), "", AMOUNT, "CNY", uuid4(), "issuer/c1", NOON, next_time=NOON)


def _step(packet: Packet, step: Answer | int | str, now: datetime) -> Packet:
    match step:
        case Answer():
            return heard(packet, step, now)
        case int():
            return recalled(packet, Recall(step, "", now))
        case _:
            return Packet(**_fields(packet) | {"state": State.SENDING}) if packet.state == State.RESERVED else packet


def _fields(packet: Packet) -> dict[str, object]:
    return {name: getattr(packet, name) for name in Packet.__slots__}


@given(st.lists(steps, max_size=30))
def test_whatever_is_said_in_whatever_order_a_packet_is_closed_once_and_its_budget_freed_at_most_once(
    said: list[Answer | int | str],
) -> None:
    packet, freed_in_all, owed_in_all, closed = a_packet(), 0, 0, []
    for number, step in enumerate(said):
        now = NOON + timedelta(minutes=number)
        after = _step(packet, step, now)
        change = Change(packet, after, "", now)
        freed_in_all += sum(want.amount for want in freed([change]))
        owed_in_all += owed(change)
        closed += closing(change)
        assert all(want.amount > 0 for want in freed([change]))
        assert owed(change) >= 0
        assert (after.close_time is None) == (after.next_time is not None)
        packet = after

    assert len(closed) == (packet.close_time is not None)
    assert freed_in_all == (AMOUNT if packet.state in BACK else owed_in_all)
    assert owed_in_all == (packet.recalled_minor if packet.state == State.CLAIMED else 0)
    assert packet.recalled_minor <= AMOUNT


@given(st.lists(st.just(Answer(Word.UNKNOWN, "SYSTEMERROR")), min_size=1, max_size=50))
def test_cpn_17_what_is_not_known_frees_nothing_and_keeps_its_number(answers: list[Answer]) -> None:
    before = packet = _step(a_packet(), "lease", NOON)
    for answer in answers:
        packet = heard(packet, answer, NOON)

    assert packet.state == State.SENDING
    assert packet.bill_no == before.bill_no
    assert freed([Change(before, packet, "", NOON)]) == []
    assert packet.next_time is not None
    assert NOON < packet.next_time <= NOON + timedelta(minutes=10)


@given(st.uuids())
def test_a_bill_number_is_short_enough_for_providers_and_names_one_packet(packet_id: UUID) -> None:
    bill_no = bill_no_of(packet_id)

    assert len(bill_no) <= 28
    assert bill_no.isalnum()
    assert packet_id_of(bill_no) == packet_id
