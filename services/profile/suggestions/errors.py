"""Why nobody is suggested."""


class TooManyPeople(Exception):
    """There are more people than a run may hold in memory."""

    def __init__(self, people_max: int) -> None:
        super().__init__(
            f"more than {people_max} people: raise BOWEN_SUGGEST_PEOPLE_MAX, at about 3 KiB of memory each"
        )
