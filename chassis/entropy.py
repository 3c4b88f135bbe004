"""Random bytes of the system, drawn in blocks: a call of the kernel for each few costs more than what they are for."""

import os
import threading

BLOCK_BYTES = 4096

_lock = threading.Lock()
_block = b""
_at = 0


def random_bytes(count: int) -> bytes:
    """So many bytes of `os.urandom`, handed out once: in no thread and no child of this process again.

    For nonces and ids, which are no secrets. A key is drawn for itself, so that no block holds a copy of it.
    """
    global _block, _at
    with _lock:
        end = _at + count
        if end > len(_block):
            _block, _at, end = os.urandom(max(BLOCK_BYTES, count)), 0, count
        drawn, _at = _block[_at:end], end
    return drawn


def _forget() -> None:
    """Draw anew in a child, which was forked with the rest of a block, and maybe while somebody held the lock."""
    global _lock, _block, _at
    _lock, _block, _at = threading.Lock(), b"", 0


os.register_at_fork(after_in_child=_forget)
