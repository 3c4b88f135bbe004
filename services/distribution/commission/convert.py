"""Plans, commissions and movements in the words of the contracts."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from bowen.distribution.v1 import commission_pb2, commission_service_pb2
from bowen.incentive.v1 import ledger_pb2

from chassis.errors import InvalidArgument
from chassis.stamps import moment, stamp
from services.distribution.commission import domain
from services.distribution.commission.domain import Commission, Plan, Posting, PostingKind
from services.distribution.partners.domain import Role

ISSUER = "issuer/commission"


def plan_from_proto(request: commission_service_pb2.CreateCommissionPlanRequest, plan_id: UUID, now: datetime) -> Plan:
    """A plan that is to be. Raises `InvalidArgument` when a role is named twice."""
    return Plan(
        plan_id,
        request.name,
        _rates(request),
        request.parent_rate_bp,
        request.payout_cap_bp or domain.PAYOUT_CAP_BP_DEFAULT,
        moment(request.start_time) if request.HasField("start_time") else now,
        now,
    )


def _rates(request: commission_service_pb2.CreateCommissionPlanRequest) -> Mapping[Role, int]:
    rates: dict[Role, int] = {}
    for number, rate in enumerate(request.seller_rates):
        role = Role(rate.role)
        if role in rates:
            raise InvalidArgument(f"seller_rates[{number}].role", "must be named once")
        rates[role] = rate.rate_bp
    return rates


def plan_to_proto(plan: Plan) -> commission_pb2.CommissionPlan:
    """A plan as everybody sees it."""
    rates = sorted(plan.seller_rates.items())
    return commission_pb2.CommissionPlan(
        plan_id=str(plan.plan_id),
        name=plan.name,
        seller_rates=(commission_pb2.RoleRate(role=role.value, rate_bp=rate) for role, rate in rates),  # type: ignore[arg-type] # the numbers are the contract's
        parent_rate_bp=plan.parent_rate_bp,
        payout_cap_bp=plan.payout_cap_bp,
        start_time=stamp(plan.start_time),
        create_time=stamp(plan.create_time),
    )


def commission_to_proto(commission: Commission) -> commission_pb2.Commission:
    """A commission as everybody sees it."""
    message = commission_pb2.Commission(
        commission_id=str(commission.commission_id),
        order_id=str(commission.order_id),
        partner_id=str(commission.partner_id),
        share=commission.share.value,  # type: ignore[arg-type] # the numbers are the contract's
        rate_bp_hundredths=commission.rate_bp * 100,
        amount_minor=commission.amount_minor,
        reversed_minor=commission.reversed_minor,
        currency_code=commission.currency_code,
        capped=commission.capped,
        state=commission.state.value,  # type: ignore[arg-type] # the numbers are the contract's
        create_time=stamp(commission.create_time),
        posted=commission.posted,
    )
    if commission.accrue_time is not None:
        message.accrue_time.FromDatetime(commission.accrue_time)
    return message


def transfer_of(posting: Posting) -> ledger_pb2.Transfer:
    """The transfer that a movement is in the ledger."""
    available, debt = (f"partner/{posting.partner_id}/{name}" for name in ("available", "debt"))
    accrual_id = domain.accrual_id(posting.commission_id, posting.accrual)
    debit, credit, memo, reverses = {
        PostingKind.ACCRUE: (ISSUER, available, "commission", ""),
        PostingKind.REVERSE: (available, ISSUER, "commission of a refund", accrual_id),
        PostingKind.REVERSE_TO_DEBT: (debt, ISSUER, "commission of a refund, owed", ""),
        PostingKind.VOID: (available, ISSUER, "commission of a purchase of one's own", accrual_id),
        PostingKind.VOID_TO_DEBT: (debt, ISSUER, "commission of a purchase of one's own, owed", ""),
    }[posting.kind]
    return ledger_pb2.Transfer(
        transfer_id=posting.transfer_id,
        debit_account=debit,
        credit_account=credit,
        asset=f"commission.{posting.currency_code}",
        amount=posting.amount_minor,
        memo=memo,
        reverses_transfer_id=reverses,
    )
