"""The frame in which the services' tests run."""

import pytest

from chassis.caller import Call, Caller, acting
from chassis.clock import FixedClock
from chassis.errors import AlreadyExists, PermissionDenied
from tests.service.chassis.running import Servicer
from tests.serving import TESTER, serving
from tests.trial import Ask, TrialStub, add_trial_to_server


async def test_a_servicer_answers_at_the_tests_time_to_the_tests_caller(clock: FixedClock) -> None:
    async with serving("trial", clock, (add_trial_to_server, Servicer(clock=clock))) as client:
        answer = await TrialStub(client).Say(Ask(word="hello"))

    assert (answer.principal, answer.now) == (TESTER.principal, clock.now().isoformat())


async def test_a_refusal_arrives_as_a_refusal(clock: FixedClock) -> None:
    async with serving("trial", clock, (add_trial_to_server, Servicer(clock=clock))) as client:
        with pytest.raises(AlreadyExists) as refusal:
            await TrialStub(client).Say(Ask(word="taken"))

    assert refusal.value.reason == "WORD_TAKEN"


async def test_a_test_may_act_as_someone_without_a_scope(clock: FixedClock) -> None:
    async with serving("trial", clock, (add_trial_to_server, Servicer(clock=clock))) as client:
        with acting(Call(Caller("key:nobody"))), pytest.raises(PermissionDenied):
            await TrialStub(client).Say(Ask(word="hello"))
