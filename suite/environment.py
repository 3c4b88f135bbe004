"""The environment that processes of the suite are started with."""

import os
from collections.abc import Mapping


def inherited(settings: Mapping[str, str]) -> dict[str, str]:
    """Our own environment with `settings` in place, free of `_FILE` twins that would contradict them."""
    twins = {name + "_FILE" for name in settings} | {name.removesuffix("_FILE") for name in settings}
    kept = {name: value for name, value in os.environ.items() if name not in twins}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(settings)
