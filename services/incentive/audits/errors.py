"""Why an audit is refused."""

from chassis.errors import Conflict


class ProofOvertaken(Conflict):
    """Another proof of the ledger came to an end while this one was made."""

    reason = "PROOF_OVERTAKEN"

    def __init__(self) -> None:
        super().__init__("another proof came to an end meanwhile")
