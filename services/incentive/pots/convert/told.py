"""What callers are told about pots."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.incentive.v1 import pot_pb2

from chassis.stamps import stamp
from services.incentive.pots.domain import Pot, PrizeRules, Share, Totals
from services.incentive.pots.domain.claims import LevelClaim
from services.incentive.pots.domain.prizes import Levels, Lottery, Prizes, RandomSplit, ThinPool

_THIN_POOLS = {ThinPool.VOID: pot_pb2.Pot.THIN_POOL_VOID, ThinPool.FIRST: pot_pb2.Pot.THIN_POOL_FIRST}


def pot_to_proto(pot: Pot, totals: Totals, now: datetime) -> pot_pb2.Pot:
    """A pot with what became of its shares."""
    message = pot_pb2.Pot(
        pot_id=str(pot.pot_id),
        name=pot.name,
        state=pot_pb2.Pot.State.Value(f"STATE_{pot.stage(now).upper()}"),
        event_name=pot.event_name,
        score_min=pot.score_min,
        asset=pot.asset,
        start_time=stamp(pot.start_time),
        end_time=stamp(pot.end_time),
        freeze_time=stamp(pot.freeze_time),
        winner_count=totals.winners,
        set_hash=pot.set_hash,
        paid_amount=totals.paid_amount,
        unallocated_amount=totals.unallocated_amount,
        ungiven_amount=totals.ungiven_amount,
        create_time=stamp(pot.create_time),
        metric=pot_pb2.Pot.Metric.Value(f"METRIC_{pot.metric.upper()}"),
        currency_code=pot.currency_code,
        rules=_rules_to_proto(pot.rules) if pot.rules else None,
        seed_hash=pot.seed_hash,
        seed=pot.revealed_seed,
        entry_hash=pot.entry_hash,
        carry_over_pot_id=str(pot.carry_over_pot_id or ""),
        void_amount=pot.void_amount,
        carried_amount=pot.carried_amount,
        received_amount=pot.received_amount,
        when=pot.when,
    )
    message.MergeFrom(_plan_to_proto(pot))
    return message


def _plan_to_proto(pot: Pot) -> pot_pb2.Pot:
    match pot.prizes:
        case Prizes(top_count, top_amount, shared_pool, thin_pool):
            return pot_pb2.Pot(
                top_count=top_count,
                top_amount=top_amount,
                shared_pool=shared_pool,
                thin_pool=_THIN_POOLS[thin_pool],
            )
        case RandomSplit(count, pool, least, most):
            return pot_pb2.Pot(
                random=pot_pb2.RandomSplit(packet_count=count, pool=pool, packet_min=least, packet_max=most)
            )
        case Lottery():
            return pot_pb2.Pot(lottery=_lottery_to_proto(pot.prizes))
        case Levels(levels, budget):
            told = [pot_pb2.Level(score_min=level.score_min, amount=level.amount) for level in levels]
            return pot_pb2.Pot(levels=pot_pb2.Levels(levels=told, budget=budget))


def _lottery_to_proto(lottery: Lottery) -> pot_pb2.Lottery:
    return pot_pb2.Lottery(
        prizes=[
            pot_pb2.LotteryPrize(
                name=prize.name, amount=prize.amount, quantity=prize.quantity, value_minor=prize.value_minor
            )
            for prize in lottery.prizes
        ],
        tickets=pot_pb2.Lottery.TICKETS_PER_POINT if lottery.per_point else pot_pb2.Lottery.TICKETS_PER_PERSON,
    )


def _rules_to_proto(rules: PrizeRules) -> pot_pb2.PrizeRules:
    return pot_pb2.PrizeRules(
        conditions=rules.conditions,
        method=rules.method,
        redemption_terms=rules.redemption_terms,
        organiser=rules.organiser,
    )


def share_to_proto(share: Share, proof: Sequence[str] = ()) -> pot_pb2.PotShare:
    """What a winner gets."""
    return pot_pb2.PotShare(
        pot_id=str(share.pot_id),
        profile_id=share.profile_id,
        rank=share.rank,
        score=share.score,
        reach_time=stamp(share.reach_time),
        amount=share.amount,
        state=pot_pb2.PotShare.State.Value(f"STATE_{share.state.upper()}"),
        proof=proof,
        prize=share.prize,
        score_kept_min=share.score_kept_min,
        paid_amount=share.paid_amount,
    )


def claim_to_proto(claim: LevelClaim) -> pot_pb2.PotClaim:
    """A claimed level."""
    return pot_pb2.PotClaim(
        level=claim.level,
        amount=claim.amount - claim.ungiven_amount,
        state=pot_pb2.PotClaim.State.Value(f"STATE_{claim.state.upper()}"),
        claim_time=stamp(claim.claim_time),
        desired_amount=claim.amount,
    )


def standing_to_proto(
    pot_id: UUID, profile_id: str, score: int, level: int, claims: Sequence[LevelClaim]
) -> pot_pb2.PotStanding:
    """Where a member stands."""
    return pot_pb2.PotStanding(
        pot_id=str(pot_id),
        profile_id=profile_id,
        score=score,
        level=level,
        claims=[claim_to_proto(claim) for claim in claims],
    )
