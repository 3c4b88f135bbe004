"""What members earn and lose, as transfers. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.incentive.ledger.domain import WRITEOFF, Account, Standing, Terms, Transfer, transfer
from services.incentive.ledger.domain.programmes import Policy, Programme


class Claim(NamedTuple):
    """An amount that a member earns of an issuer, or that is taken back from one who earned it.

    `transfer_id` names the movement; `reverses` the earning that is taken back, empty for an earning. Of an asset with
    a programme, `terms` say when an earning matures and what its last day is, and `policy` what a clawback takes,
    where that is not left to the programme.
    """

    transfer_id: str
    issuer: str
    profile_id: str
    asset: str
    amount: int
    post_time: datetime
    memo: str = ""
    reverses: str = ""
    terms: Terms = Terms()
    policy: Policy | None = None

    def account(self, kind: str) -> Account:
        """An account of the member."""
        return Account(f"member/{self.profile_id}/{kind}", self.asset)


def earn(scope: str, claims: Sequence[Claim], standings: Mapping[Account, Standing]) -> list[Transfer]:
    """What members earn goes to `available`; what they owe is paid from it first (spec value §2.1, LED-16).

    `standings` are those of the members' accounts; one that is left out stands at zero.
    """
    transfers: list[Transfer] = []
    repaid: dict[Account, int] = {}
    for claim in claims:
        available, debt = claim.account("available"), claim.account("debt")
        owed = -standings.get(debt, Standing()).balance - repaid.get(debt, 0)
        payment = min(max(owed, 0), claim.amount)
        repaid[debt] = repaid.get(debt, 0) + payment
        issuer, repayment_id = Account(claim.issuer, claim.asset), f"{claim.transfer_id}/debt"
        moves = ((claim.transfer_id, issuer, available, claim.amount), (repayment_id, available, debt, payment))
        transfers += [transfer(scope, *move, post_time=claim.post_time, memo=claim.memo) for move in moves if move[3]]
    return transfers


def ungiven_id(transfer_id: str) -> str:
    """The transfer of what was earned above the programme's bounds."""
    return f"{transfer_id}/ungiven"


def ungiven(claim: Claim, room: int | None) -> int:
    """How much of a claim is above the programme's bounds."""
    return 0 if room is None else max(0, claim.amount - room)


def earn_in_lots(scope: str, claim: Claim, programme: Programme, room: int | None) -> list[Transfer]:
    """What is earned of an asset with a programme: pending until it matures.

    What is above the programme's bounds goes to nobody, so that it can still be taken back; debt is paid by settling.
    """
    matures = claim.terms.mature_time or programme.mature_time(claim.post_time)
    issuer, rest = Account(claim.issuer, claim.asset), ungiven(claim, room)
    moves = (
        (claim.transfer_id, claim.account("pending" if matures else "available"), claim.amount - rest, claim.terms),
        (ungiven_id(claim.transfer_id), Account(WRITEOFF, claim.asset), rest, Terms()),
    )
    return [
        transfer(scope, transfer_id, issuer, account, amount, post_time=claim.post_time, memo=claim.memo, terms=terms)
        for transfer_id, account, amount, terms in moves
        if amount
    ]
