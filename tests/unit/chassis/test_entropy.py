"""Random bytes drawn in blocks: nothing is handed out twice."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

from chassis.entropy import BLOCK_BYTES, random_bytes

NONCE_BYTES = 12


def test_nothing_is_handed_out_twice_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as threads:
        drawn = [each for made in threads.map(lambda _: _nonces(2_000), range(8)) for each in made]

    assert len(set(drawn)) == 16_000
    assert {len(each) for each in drawn} == {NONCE_BYTES}


def test_a_child_hands_out_nothing_of_its_parents_block() -> None:
    random_bytes(1)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(_nonces(50)))
    child.start()
    inherited = _nonces(50)

    assert not set(ours.recv()) & set(inherited)
    child.join()


def test_more_than_a_block_can_be_asked_for() -> None:
    random_bytes(BLOCK_BYTES - 1)

    assert [len(random_bytes(count)) for count in (BLOCK_BYTES, BLOCK_BYTES + 1, 0)] == [
        BLOCK_BYTES,
        BLOCK_BYTES + 1,
        0,
    ]


def _nonces(count: int) -> list[bytes]:
    return [random_bytes(NONCE_BYTES) for _ in range(count)]
