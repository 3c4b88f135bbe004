"""Why keys do not open."""


class KeyWrong(Exception):
    """What was sealed does not open: it was sealed with another key, or changed since."""
