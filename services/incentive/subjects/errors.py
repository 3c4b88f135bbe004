"""What can come between."""


class MergedMeanwhile(Exception):
    """A merge was committed between finding a person and holding their rows.

    Locks are taken in key order only, so the rows of the survivor cannot be added: the transaction is repeated from
    its start, as after a serialization failure, whose SQLSTATE this carries.
    """

    sqlstate = "40001"
