"""Real data that is not ours to keep: it stands beside the repository; tests that need it skip where it is absent."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def shared_data(*parts: str) -> Path:
    """A file of `shared/data` beside the repository or above it. Skips the test where it is absent."""
    for folder in ROOT.parents:
        path = folder.joinpath("shared", "data", *parts)
        if path.exists():
            return path
    pytest.skip(f"there is no ../shared/data/{'/'.join(parts)}")
