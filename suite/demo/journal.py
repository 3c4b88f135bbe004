"""What the demo has done so far, kept beside the data: a run that was cut short carries on, a finished one repeats."""

import os
from pathlib import Path
from typing import Any

import msgspec

from suite.faults import Fault

MADE, TOUCH, TOKEN, DAY = "made", "touch", "token", "day"


class Journal:
    """Notes, appended as they come: ids of things made, visits and links by the simulation's ids, days done."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)  # it holds write keys
        self._notes: dict[str, dict[str, Any]] = {MADE: {}, TOUCH: {}, TOKEN: {}, DAY: {}}
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break  # cut short by a crash
            kind, key, value = msgspec.json.decode(line)
            self._notes[kind][key] = value
            whole += len(line)
        os.truncate(path, whole)
        self._file = path.open("ab")

    def close(self) -> None:
        """Write out what is still to be written."""
        self._file.close()

    def get(self, kind: str, key: str) -> Any:
        """A note, or None."""
        return self._notes[kind].get(key)

    def note(self, kind: str, key: str, value: Any) -> None:
        """Keep a note."""
        self._notes[kind][key] = value
        self._file.write(msgspec.json.encode([kind, key, value]) + b"\n")

    def flush(self) -> None:
        """Hand what was noted to the operating system."""
        self._file.flush()

    def bind(self, days: int, seed: int) -> None:
        """Keep which demo this is. Raises `Fault` when the data holds another one."""
        asked = {"days": days, "seed": seed}
        held = self.get(MADE, "demo")
        if held is None:
            self.note(MADE, "demo", asked)
            self.flush()
        elif held != asked:
            raise Fault(
                f"the data directory holds the demo of {held['days']} days with seed {held['seed']}; "
                f"repeat it with --days {held['days']} --seed {held['seed']}, or choose another --data-dir"
            )

    def day_done(self, number: int) -> None:
        """Note that a day has been replayed and had its effects."""
        self.note(DAY, str(number), True)
        self.flush()

    @property
    def days_done(self) -> int:
        """How many days are done."""
        return len(self._notes[DAY])
