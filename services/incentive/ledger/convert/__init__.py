"""Messages of the ledger, from and to what they mean."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from bowen.incentive.v1 import ledger_pb2, ledger_service_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import moment, stamp
from services.incentive.ledger import domain
from services.incentive.ledger.domain import (
    NO_TERMS,
    Account,
    Entry,
    Outcome,
    Standing,
    Terms,
    Transfer,
    TrialBalanceLine,
)

YEAR_MAX = 9000

Result = ledger_service_pb2.TransferOutcome.Result
_POSTED = Result.RESULT_POSTED

_NAME = re.compile(
    r"(?:member|partner)/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/(?:pending|available|held|debt)"
    r"|issuer/[A-Za-z0-9._:-]+|sys/[a-z]+"
)


def account_from_proto(name: str, asset: str) -> Account:
    """The account of a request. Raises `InvalidArgument` when the name has none of the ledger's forms."""
    if not _NAME.fullmatch(name):
        raise InvalidArgument("account", "must name a member's, a partner's, an issuer's or a system account")
    return Account(name, asset)


def transfer_from_proto(message: ledger_pb2.Transfer, *, scope: str, now: datetime) -> Transfer:
    """The transfer that `scope` asks for."""
    return domain.transfer(
        scope,
        message.transfer_id,
        Account(message.debit_account, message.asset),
        Account(message.credit_account, message.asset),
        message.amount,
        post_time=now,
        memo=message.memo,
        reverses=message.reverses_transfer_id,
        linked=message.linked,
        terms=_terms(message) if message.last_day or message.HasField("mature_time") else NO_TERMS,
    )


def _terms(message: ledger_pb2.Transfer) -> Terms:
    """Raises `InvalidArgument` for terms that the credited account cannot have, or a day that is none."""
    kind = message.credit_account.rpartition("/")[2] if message.credit_account.startswith("member/") else ""
    if message.HasField("mature_time") and kind != "pending":
        raise InvalidArgument("transfers.mature_time", "is for what is credited to a member's pending")
    if message.last_day and kind not in ("pending", "available"):
        raise InvalidArgument("transfers.last_day", "is for what is credited to a member's pending or available")
    try:
        last_day = date.fromisoformat(message.last_day) if message.last_day else None
    except ValueError:
        raise InvalidArgument("transfers.last_day", f"{message.last_day} is not a day") from None
    if last_day and last_day.year > YEAR_MAX:
        raise InvalidArgument("transfers.last_day", "is too far away")
    return Terms(moment(message.mature_time) if message.HasField("mature_time") else None, last_day)


def transfers_from_proto(messages: Sequence[ledger_pb2.Transfer], *, scope: str, now: datetime) -> list[Transfer]:
    """The transfers that `scope` asks for.

    Raises `InvalidArgument` for a group that the request does not end, or that names a transfer twice.
    """
    if messages[-1].linked:
        raise InvalidArgument(f"transfers[{len(messages) - 1}].linked", "the last transfer links to none")
    transfers = [transfer_from_proto(message, scope=scope, now=now) for message in messages]
    for group in domain.groups(transfers):
        if len(group) > 1 and len({item.key for item in group}) < len(group):
            raise InvalidArgument("transfers", "a group names each transfer once")
    return transfers


def outcome_to_proto(transfer: Transfer, outcome: Outcome) -> ledger_service_pb2.TransferOutcome:
    """The outcome of one transfer."""
    if not outcome.reason and not outcome.replayed:
        return ledger_service_pb2.TransferOutcome(transfer_id=transfer.transfer_id, result=_POSTED)
    return ledger_service_pb2.TransferOutcome(
        transfer_id=transfer.transfer_id,
        result=Result.RESULT_REFUSED if outcome.reason else Result.RESULT_POSTED,
        replayed=outcome.replayed,
        reason=outcome.reason,
        detail=outcome.detail,
    )


def account_to_proto(account: Account, standing: Standing) -> ledger_pb2.Account:
    """An account with where it stands."""
    return ledger_pb2.Account(
        account=account.name, asset=account.asset, balance=standing.balance, sequence=standing.sequence
    )


def entry_to_proto(account: Account, entry: Entry) -> ledger_pb2.Entry:
    """One entry of an account."""
    return ledger_pb2.Entry(
        transfer_id=entry.transfer_id,
        account=account.name,
        asset=account.asset,
        amount=entry.amount,
        balance_after=entry.balance_after,
        counter_account=entry.counter_account,
        memo=entry.memo,
        post_time=stamp(entry.post_time),
    )


def balances_to_proto(owned: Mapping[Account, Standing]) -> list[ledger_service_pb2.ProfileBalance]:
    """A member's accounts as one line per asset."""
    lines: dict[str, ledger_service_pb2.ProfileBalance] = {}
    for account, standing in owned.items():
        line = lines.setdefault(account.asset, ledger_service_pb2.ProfileBalance(asset=account.asset))
        kind = account.name.rpartition("/")[2]
        setattr(line, kind, -standing.balance if kind == "debt" else standing.balance)
    return list(lines.values())


def trial_balance_to_proto(lines: Iterable[TrialBalanceLine]) -> list[ledger_service_pb2.TrialBalanceLine]:
    """The sums of every asset."""
    return [ledger_service_pb2.TrialBalanceLine(**line._asdict()) for line in lines]
