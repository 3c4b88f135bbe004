"""Trees of hashes: one root stands for a list, and proves each of its entries."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

BLOCK_LEVELS = 8
BLOCK = 1 << BLOCK_LEVELS
"""Leaves of which the nodes above them are made anew when they are asked for; all nodes further up are kept."""

Node = tuple[int, int]
"""A node's level, leaves being of level 0, and its place in it."""


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


def upper_nodes(leaves: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Level, place and hash of the nodes that are kept: all above blocks, but the root."""
    level, height = list(leaves), 0
    while len(level) > 1:
        if height >= BLOCK_LEVELS:
            yield from ((height, place, each) for place, each in enumerate(level))
        level, height = _level_above(level), height + 1


def beside_way(index: int, count: int) -> list[Node]:
    """The kept nodes beside the way from a leaf, of so many, to the root."""
    nodes, height, place, width = [], BLOCK_LEVELS, index // BLOCK, -(-count // BLOCK)
    while width > 1:
        if place ^ 1 < width:
            nodes.append((height, place ^ 1))
        height, place, width = height + 1, place // 2, -(-width // 2)
    return nodes


def proof_from_block(block: Sequence[bytes], index: int, upper: Mapping[Node, bytes], count: int) -> list[str]:
    """What `merkle_proof` tells, from the leaves of the block of a leaf and the kept nodes beside its way."""
    way = merkle_proof(block, index % BLOCK)
    for height, place in beside_way(index, count):
        side = "R" if place > index >> height else "L"
        way.append(f"{side}{upper[height, place].hex()}")
    return way


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
