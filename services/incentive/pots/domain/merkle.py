"""Trees of hashes: one root stands for a list, and proves each of its entries."""

import hashlib
from collections.abc import Sequence


def leaf_of(content: str) -> bytes:
    """The leaf of an entry."""
    return _hash(b"\0", content.encode())


def merkle_root(leaves: Sequence[bytes]) -> str:
    """The root of the tree of leaves, 64 hexadecimal digits; of none, the hash of nothing."""
    level = list(leaves) or [_hash(b"\0")]
    while len(level) > 1:
        level = _level_above(level)
    return level[0].hex()


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[str]:
    """The hashes beside the way from a leaf to the root, each with its side: `L` or `R`."""
    proof, level = [], list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            proof.append(f"{'R' if beside > index else 'L'}{level[beside].hex()}")
        level, index = _level_above(level), index // 2
    return proof


def proven(leaf: bytes, proof: Sequence[str]) -> str:
    """The root that a proof leads to from a leaf."""
    for step in proof:
        beside = bytes.fromhex(step[1:])
        leaf = _hash(b"\1", leaf, beside) if step[0] == "R" else _hash(b"\1", beside, leaf)
    return leaf.hex()


def _hash(mark: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(mark + b"".join(parts)).digest()


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    """Hashes of pairs; an odd one out moves up as it is."""
    return [_hash(b"\1", *level[at : at + 2]) if at + 1 < len(level) else level[at] for at in range(0, len(level), 2)]
