"""Messages about programmes and lots, from and to what they mean."""

from collections.abc import Iterable
from datetime import datetime

from bowen.incentive.v1 import ledger_service_pb2, lot_pb2, programme_pb2

from chassis.stamps import moment, stamp
from logic.calendar import ZONE_DEFAULT
from services.incentive.ledger.domain.clawbacks import Line
from services.incentive.ledger.domain.lots import Expiring, Happening, Lot
from services.incentive.ledger.domain.programmes import (
    GRACE_DAYS_DEFAULT,
    Expiry,
    Policy,
    Programme,
)

Source = ledger_service_pb2.ClawbackLine.Source


def programme_from_proto(message: programme_pb2.Programme, *, now: datetime) -> Programme:
    """The rules that are asked for, as a first version."""
    return Programme(
        asset=message.asset,
        name=message.name,
        time_zone=message.time_zone or ZONE_DEFAULT,
        expiry=_expiry(message.expiry),
        expiry_count=message.expiry_count,
        maturity_seconds=message.maturity_seconds,
        clawback=policy_from_proto(message.clawback) or Policy.UNLIMITED,
        debt_max=message.debt_max,
        grace_days=message.grace_days if message.HasField("grace_days") else GRACE_DAYS_DEFAULT,
        grace_on_void=message.grace_on_void,
        balance_max=message.balance_max,
        daily_earn_max=message.daily_earn_max,
        yearly_earn_max=message.yearly_earn_max,
        fair_value=message.fair_value_minor_per_thousand,
        version=1,
        effective_time=moment(message.effective_time) if message.HasField("effective_time") else now,
        create_time=now,
        member_transfers=message.member_transfers,
    )


def programme_to_proto(programme: Programme) -> programme_pb2.Programme:
    """A version of the rules of an asset."""
    return programme_pb2.Programme(
        asset=programme.asset,
        name=programme.name,
        time_zone=programme.time_zone,
        expiry=programme_pb2.Programme.Expiry.Value(f"EXPIRY_{programme.expiry.upper()}"),
        expiry_count=programme.expiry_count,
        maturity_seconds=programme.maturity_seconds,
        clawback=programme_pb2.Programme.Clawback.Value(f"CLAWBACK_{programme.clawback.upper()}"),
        debt_max=programme.debt_max,
        grace_days=programme.grace_days,
        grace_on_void=programme.grace_on_void,
        balance_max=programme.balance_max,
        daily_earn_max=programme.daily_earn_max,
        yearly_earn_max=programme.yearly_earn_max,
        fair_value_minor_per_thousand=programme.fair_value,
        version=programme.version,
        effective_time=stamp(programme.effective_time),
        create_time=stamp(programme.create_time),
        member_transfers=programme.member_transfers,
    )


def _expiry(value: "programme_pb2.Programme.Expiry.ValueType") -> Expiry:
    name = programme_pb2.Programme.Expiry.Name(value).removeprefix("EXPIRY_")
    return Expiry.NEVER if name == "UNSPECIFIED" else Expiry(name.lower())


def policy_from_proto(value: "programme_pb2.Programme.Clawback.ValueType") -> Policy | None:
    """The policy that is asked for, if one is."""
    name = programme_pb2.Programme.Clawback.Name(value).removeprefix("CLAWBACK_")
    return None if name == "UNSPECIFIED" else Policy(name.lower())


def lot_to_proto(lot: Lot) -> lot_pb2.Lot:
    """A lot as it stands."""
    return lot_pb2.Lot(
        lot_id=str(lot.lot_id),
        profile_id=lot.profile_id,
        asset=lot.asset,
        amount=lot.amount,
        pending=lot.pending,
        available=lot.available,
        held=lot.held,
        expired=lot.expired,
        earn_time=stamp(lot.earn_time),
        mature_time=stamp(lot.mature_time) if lot.mature_time else None,
        last_day=lot.last_day.isoformat() if lot.last_day else "",
        time_zone=lot.time_zone,
        expire_time=stamp(lot.expire_time) if lot.expire_time else None,
        restored_from=str(lot.restored_from) if lot.restored_from else "",
        root_id=str(lot.root_id),
        fair_value_minor_per_thousand=lot.fair_value,
    )


def move_to_proto(lot: Lot, happening: Happening) -> lot_pb2.LotMove:
    """What a transfer did to a lot."""
    return lot_pb2.LotMove(
        lot_id=str(lot.lot_id),
        post_time=stamp(happening.post_time),
        transfer_id=happening.transfer_id,
        quantity=happening.quantity,
        source=happening.source,
        target=happening.target,
        debit_account=happening.debit_account,
        credit_account=happening.credit_account,
    )


def lines_to_proto(lines: Iterable[Line]) -> list[ledger_service_pb2.ClawbackLine]:
    """What was taken back, from where."""
    return [
        ledger_service_pb2.ClawbackLine(
            source=Source.Value(f"SOURCE_{line.source.upper()}"), amount=line.amount, transfer_id=line.transfer_id
        )
        for line in lines
    ]


def expiring_to_proto(found: Iterable[Expiring]) -> list[ledger_service_pb2.ExpiringPoints]:
    """What expires when."""
    return [
        ledger_service_pb2.ExpiringPoints(
            asset=item.asset, amount=item.amount, last_day=item.last_day, expire_time=stamp(item.expire_time)
        )
        for item in found
    ]
