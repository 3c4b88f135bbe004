"""What keeps the runner from running, said so that a person can act on it."""


class Fault(Exception):
    """The message says what is wrong and what to do. It is shown without a traceback."""
