"""Messages of audits, from and to what they mean."""

from collections.abc import Sequence
from datetime import date

from bowen.incentive.v1 import audit_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import stamp
from services.incentive.audits.domain import liability
from services.incentive.audits.domain.liability import Cohort, printed
from services.incentive.audits.domain.proofs import Proof
from services.incentive.audits.domain.seals import Seal


def day_from_proto(field: str, text: str) -> date:
    """A day of a request. Raises `InvalidArgument`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(field, f"{text} is not a day") from None


def seal_to_proto(seal: Seal) -> audit_pb2.Seal:
    """A seal."""
    return audit_pb2.Seal(
        day=seal.day.isoformat(),
        time_zone=seal.time_zone,
        transfer_count=seal.transfer_count,
        digest=seal.digest,
        seal=seal.seal,
        seal_time=stamp(seal.seal_time),
    )


def proof_to_proto(proof: Proof) -> audit_pb2.Proof:
    """The proof of one asset. One row is debit and credit, so both sums are one."""
    return audit_pb2.Proof(
        number=proof.number,
        asset=proof.asset,
        debits=proof.sums.debits,
        credits=proof.sums.debits,
        liability=proof.sums.liability,
        discrepancy=proof.check.discrepancy,
        account_count=proof.check.account_count,
        is_full=proof.is_full,
        prove_time=stamp(proof.prove_time),
    )


def cohort_to_proto(cohort: Cohort, month: str) -> audit_pb2.LiabilityCohort:
    """A cohort at the end of a month."""
    exact, allocated = cohort.recognised_by(month), printed(cohort.allocated)
    return audit_pb2.LiabilityCohort(
        month=cohort.month,
        issued=cohort.issued,
        expected=cohort.expected_by(month),
        redeemed=cohort.redeemed_by(month),
        allocated_minor=allocated,
        recognised_minor=printed(exact),
        recognised_exact=str(exact),
        recognised_in_month_minor=cohort.recognised_in(month),
        deferred_minor=allocated - printed(exact),
    )


def journal_to_proto(cohorts: Sequence[Cohort], month: str) -> list[audit_pb2.LiabilityMonth]:
    """The journal up to a month."""
    return [
        audit_pb2.LiabilityMonth(
            month=line.month,
            deferred_minor=line.deferred,
            recognised_minor=line.recognised,
            balance_minor=line.balance,
        )
        for line in liability.journal(list(cohorts), month)
    ]
