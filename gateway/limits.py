"""How fast somebody may ask: the generic cell rate algorithm, one number per key, in this process."""

import time
from collections import OrderedDict
from collections.abc import Callable

from chassis.errors import QuotaExceeded

KEYS_MAX = 100_000


class Limiter:
    """Lets `rate` calls a second through per key, and `burst` at once. Each replica counts for itself."""

    def __init__(
        self, rate: float, burst: int, *, keys_max: int = KEYS_MAX, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = 1.0 / rate
        self._tolerance = self._interval * (burst - 1)
        self._keys_max = keys_max
        self._monotonic = monotonic
        self._due: OrderedDict[str, float] = OrderedDict()  # when the key's last call would have been due

    def admit(self, key: str) -> None:
        """Count one call. Raises `QuotaExceeded` with the time to wait; a refused call does not count."""
        now = self._monotonic()
        due = max(self._due.get(key, now), now)
        wait = due - now - self._tolerance
        if wait > 1e-9:
            raise QuotaExceeded("too many requests", retry_after=wait)
        self._due[key] = due + self._interval
        self._due.move_to_end(key)
        if len(self._due) > self._keys_max:
            self._due.popitem(last=False)
