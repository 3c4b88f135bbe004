"""People who are only stored: PIPL art. 47 (spec people §5.1)."""

from datetime import timedelta

from bowen.incentive.v1 import campaign_pb2
from bowen.incentive.v1.events_pb2 import WebhookMatured
from bowen.profile.v1.events_pb2 import ProcessingChanged

from services.incentive.campaigns.operations.calling import call_matured
from services.incentive.privacy.consumers import on_processing_changed
from tests.service.incentive.campaigning import Effect, gives, of_orders, refusals, running, terms
from tests.service.incentive.rewarding import NOON, Incentive, a_merge, a_paid_order, an_event, new

Maturity = campaign_pb2.Maturity


async def restrict(incentive: Incentive, profile_id: str, version: int, *, is_restricted: bool = True) -> None:
    told = ProcessingChanged(profile_id=profile_id, version=version, is_restricted=is_restricted)
    await incentive.happen(told, handler=on_processing_changed)


async def test_pipl_47_who_is_only_stored_is_given_nothing_under_whatever_id_until_they_say_otherwise(
    incentive: Incentive,
) -> None:
    await running(incentive, terms(gives(fixed=10)))
    shares = of_orders(gives(fixed=50, beneficiary=Effect.BENEFICIARY_SHARER))
    await running(incentive, shares)
    person, loser, buyer = new(), new(), new()
    await incentive.happen(a_merge(loser, person))
    await restrict(incentive, loser, 2)
    await restrict(incentive, loser, 1, is_restricted=False)  # told late
    shared = a_paid_order(buyer)
    shared.order.attribution.sharer_profile_id = person

    await incentive.happen(an_event(person), an_event(loser))
    await incentive.happen(shared)

    assert await incentive.has(person) == (0, 0)
    assert await refusals(incentive, profile_id=person) == []
    assert await refusals(incentive, profile_id=buyer) == [("NO_BENEFICIARY", 1)]
    await restrict(incentive, loser, 3, is_restricted=False)
    await incentive.happen(an_event(person))
    assert await incentive.has(person) == (10, 0)


async def test_pipl_47_nobody_is_told_of_who_is_only_stored(incentive: Incentive) -> None:
    webhook = campaign_pb2.WebhookEffect(endpoint_id=new())
    await running(incentive, terms(Effect(webhook=webhook, maturity=Maturity(days=1, base=Maturity.BASE_PAID))))
    person, loser, other = new(), new(), new()
    await incentive.happen(an_event(loser), an_event(other))
    await incentive.happen(a_merge(loser, person))

    await restrict(incentive, person, 1)

    assert await incentive.db.transact(lambda tx: call_matured(tx, NOON + timedelta(days=2))) == 2
    assert [call.profile_id for call in await incentive.told(WebhookMatured)] == [other]
