"""Being forgotten, and not coming back: spec people §5.2, H6, H7, I26."""

import asyncio
import json
from datetime import UTC, timedelta
from uuid import UUID

import pytest
from bowen.profile.v1 import consent_service_pb2 as consent_pb
from bowen.profile.v1 import event_pb2, events_pb2, privacy_pb2
from bowen.profile.v1 import profile_service_pb2 as profile_pb
from bowen.profile.v1 import suppression_service_pb2 as suppression_pb
from bowen.tagging.v1.events_pb2 import ErasureConfirmed

from chassis.consumer import Delivery
from chassis.errors import FailedPrecondition, NotFound
from chassis.ids import new_id
from chassis.stamps import stamp
from logic.privacy import erasure_proof
from services.profile.identity.domain import claim
from services.profile.privacy.consumers import Answers
from services.profile.privacy.domain import RESIDUE
from tests.service.profile.asking import (
    OTHERS,
    PHONE,
    State,
    a_life,
    ask,
    everything,
    state,
    suppress,
    unsuppress,
)
from tests.service.profile.consenting import WITHDRAWN, a_statement, may, record
from tests.service.profile.speaking import ACCEPTED, REJECTED, an_event, identifier, identify
from tests.service.profile.test_people import a_row

SECRETS = ("13812345678", "zhang@mail.cn", "Zhang San", "M-00417", "dev-7", "10.9.8.7", "secret", "user-1")


async def confirm_all(profile, request, **counts):
    """Every other service has done its part, and was heard of an hour later."""
    done = stamp(profile.clock.now())
    profile.clock.advance(3600)
    for service in OTHERS:
        proof = erasure_proof(request.privacy_request_id, service, counts)
        told = [privacy_pb2.ErasedCount(kind=kind, count=count) for kind, count in counts.items()]
        erasure = privacy_pb2.Erasure(service=service, counts=told, proof_hash=proof, confirm_time=done)
        await profile.db.transact(lambda tx, erasure=erasure: hear(tx, profile, request, erasure))


async def hear(tx, profile, request, erasure):
    now, fact = profile.clock.now(), ErasureConfirmed(request_id=request.privacy_request_id, erasure=erasure)
    await Answers(profile.vault).on_erasure_confirmed(tx, [Delivery(new_id(), fact, now, now)])


async def test_h6_search_finds_nothing_of_who_was_erased(profile):
    person = await a_life(profile)
    phone = str(UUID(bytes=profile.vault.index(claim("phone", "", PHONE).key)))
    assert phone in await everything(profile)

    async def published(tx):
        await tx.exec_driver_sql("DELETE FROM outbox")

    await profile.db.transact(published)
    request = await ask(profile, "ERASE", person, scope="PERSON")

    left = await everything(profile)
    assert [secret for secret in (*SECRETS, phone) if secret in left] == []
    other = (await profile.lookup("user_id", "u2")).profile_id
    for table in ("event", "identifier"):
        assert {str(row[0]) for row in await profile.fetch(f"SELECT profile_id FROM {table}")} == {other}
    for table in ("attribute_set", "evidence", "encounter"):
        assert await profile.fetch(f"SELECT 1 FROM {table}") == []
    with pytest.raises(NotFound):
        await profile.get(person)
    with pytest.raises(NotFound):
        await profile.lookup("phone", PHONE)
    assert request.state == State.STATE_IN_PROGRESS
    assert {step.service: step.is_done for step in request.steps} == {
        "profile": True,
        "distribution": False,
        "incentive": False,
        "tagging": False,
    }
    await profile.assert_sound()


async def test_pipl_47_others_are_told_of_all_ids_and_the_request_ends_with_the_last_answer(profile):
    person = await a_life(profile)
    merged = [merge.loser_id for merge in await profile.merges(person)]
    request = await ask(profile, "ERASE", person, scope="PERSON")

    [told] = await profile.facts(events_pb2.ProfileErased)
    assert (told.request_id, told.profile_id) == (request.privacy_request_id, person)
    assert set(told.profile_ids) == {person, *merged}
    assert told.token not in told.profile_ids

    forgotten = profile.clock.now()
    await confirm_all(profile, request, tags=2)
    done = await state(profile, request)

    assert done.state == State.STATE_COMPLETED
    assert done.complete_time == stamp(profile.clock.now())
    assert {step.done_time.ToDatetime(UTC) for step in done.steps} == {forgotten}
    assert done.residue_time == stamp(forgotten + RESIDUE)
    for step in done.steps:
        counts = {each.kind: each.count for each in step.counts}
        assert step.proof_hash == erasure_proof(request.privacy_request_id, step.service, counts)
    own = next(step for step in done.steps if step.service == "profile")
    kept = {each.kind: each.count for each in own.counts}
    assert (kept["profiles"], kept["consents_kept"], kept["merges"]) == (1 + len(merged), 1, len(merged))
    assert (await profile.fetch("SELECT token FROM privacy_request"))[0]["token"] is None


async def test_a_proof_that_does_not_fit_its_counts_is_not_taken(profile):
    person = await a_life(profile)
    request = await ask(profile, "ERASE", person, scope="PERSON")

    proof = erasure_proof(request.privacy_request_id, "tagging", {"tags": 2})
    told = [privacy_pb2.ErasedCount(kind="tags", count=3)]
    lie = privacy_pb2.Erasure(service="tagging", counts=told, proof_hash=proof)
    with pytest.raises(ValueError, match="does not fit"):
        await profile.db.transact(lambda tx: hear(tx, profile, request, lie))
    assert sum(step.is_done for step in (await state(profile, request)).steps) == 1


async def test_what_a_person_withdrew_stays_proven(profile):
    person = await a_life(profile)
    await ask(profile, "ERASE", person, scope="PERSON")

    [row] = await profile.fetch("SELECT profile_id::text, state, ip, octet_length(hash) AS size FROM consent")
    assert tuple(row) == (person, WITHDRAWN, "", 32)


async def test_i26_a_phone_comes_back_after_a_fresh_consent_only_and_as_somebody_new(profile):
    person = await a_life(profile)
    await ask(profile, "ERASE", person, scope="PERSON")
    people, _, events = await profile.stats()
    profile.clock.advance(60)
    phone = identifier("phone", PHONE)

    [dropped] = await profile.ingest(an_event(identifiers=[phone]))
    [again] = await profile.ingest(identify(anonymous_id="dev-7", trust=event_pb2.TRUST_PUBLIC))

    assert (dropped.result, dropped.reason) == (REJECTED, "IDENTIFIER_SUPPRESSED")
    assert again.reason == "IDENTIFIER_SUPPRESSED"
    assert await profile.stats() == (people, 0, events)
    stats = await profile.stub.GetProfileStats(profile_pb.GetProfileStatsRequest())
    assert stats.suppressed_event_count == 2

    agreed = {"consent": {"categoryPreferences": {"marketing": True}}}
    forged = an_event(identifiers=[phone], context=agreed, trust=event_pb2.TRUST_PUBLIC)
    [refused] = await profile.ingest(forged)
    assert refused.reason == "IDENTIFIER_SUPPRESSED"
    [new] = await profile.accepted(an_event(identifiers=[phone], context=agreed))

    assert new != person
    read = await profile.get(new)
    assert read.attributes == "{}"
    assert [link.identifier.type for link in read.identifiers] == ["phone"]
    assert len(await profile.timeline(new)) == 1
    assert await may(profile, new, purpose="marketing", address=PHONE) == (True, "CONSENT_GRANTED")


async def test_a_consent_that_is_older_than_the_erasure_lets_nobody_in(profile):
    person = await a_life(profile)
    await ask(profile, "ERASE", person, scope="PERSON")
    profile.clock.advance(60)
    late = an_event(
        identifiers=[identifier("phone", PHONE)],
        context={"consent": {"categoryPreferences": {"marketing": True}}},
        original_time=profile.clock.now() - timedelta(hours=1),
    )

    [outcome] = await profile.ingest(late)

    assert outcome.reason == "IDENTIFIER_SUPPRESSED"


async def test_an_event_of_somebody_else_goes_on_without_the_suppressed_number(profile):
    await suppress(profile, identifier("phone", PHONE))

    [outcome] = await profile.ingest(
        identify(user_id="u9", traits={"phone": PHONE, "city": "杭州"}, context={"traits": {"phone": PHONE}})
    )

    assert outcome.result == ACCEPTED
    assert "phone is suppressed" in outcome.detail
    read = await profile.get(outcome.profile_id)
    assert json.loads(read.attributes) == {"city": "杭州"}
    assert PHONE not in str(await profile.timeline(outcome.profile_id))


async def test_a_row_and_an_order_that_name_only_a_suppressed_number_make_nobody(profile):
    await suppress(profile, identifier("phone", PHONE))

    outcomes = await profile.imported(a_row("r1", phone=PHONE), a_row("r2", member_no="M2", phone=PHONE), a_row("r3"))
    resolved = await profile.resolved([identifier("phone", PHONE)], [identifier("user_id", "new")])

    assert [each.reason for each in outcomes] == ["IDENTIFIER_SUPPRESSED", "", ""]
    assert [link.identifier.type for link in (await profile.get(outcomes[1].profile_id)).identifiers] == ["member_no"]
    assert [(each.reason, bool(each.profile_id)) for each in resolved] == [("IDENTIFIER_SUPPRESSED", False), ("", True)]


async def test_erasing_known_people_who_were_merged_needs_to_be_meant(profile):
    person = await a_life(profile)

    with pytest.raises(FailedPrecondition) as refused:
        await ask(profile, "ERASE", person)

    assert refused.value.reason == "SEVERAL_PEOPLE"
    assert (await profile.get(person)).profile_id == person
    assert await profile.fetch("SELECT 1 FROM privacy_request") == []


async def test_a_visitor_who_logged_in_is_one_person_and_erased_without_further_words(profile):
    await profile.accepted(an_event(anonymous_id="a1"))
    [person] = await profile.accepted(identify(user_id="user-1", anonymous_id="a1"))

    request = await ask(profile, "ERASE", identifier=identifier("user_id", "user-1"))

    assert request.profile_id == person
    assert await profile.stats() == (0, 0, 0)


async def test_an_anonymised_person_leaves_what_was_done_and_when_under_nobodys_name(profile):
    person = await a_life(profile)
    before = sorted((event.name, event.timestamp.seconds) for event in await profile.timeline(person))

    await ask(profile, "ANONYMIZE", person, scope="PERSON")

    [told] = await profile.facts(events_pb2.ProfileErased)
    after = await profile.timeline(told.token)
    assert sorted((event.name, event.timestamp.seconds) for event in after) == before
    assert {(event.properties, event.context, event.message_id) for event in after} == {("{}", "{}", "")}
    assert len((await profile.get(told.token)).identifiers) == 0
    with pytest.raises(NotFound):
        await profile.get(person)


async def test_events_that_come_while_a_person_is_erased_do_not_bring_them_back(profile):
    for n in range(5):
        [person] = await profile.accepted(identify(user_id=f"x{n}", anonymous_id=f"d{n}", traits={"name": "Zhang San"}))
        stream = [identify(user_id=f"x{n}", anonymous_id=f"d{n}", traits={"n": i}) for i in range(20)]

        await asyncio.gather(ask(profile, "ERASE", person), *(profile.ingest(event) for event in stream))

        names = [("user_id", f"x{n}"), ("anonymous_id", f"d{n}")]
        keys = [UUID(bytes=profile.vault.index(claim(kind, "", value).key)) for kind, value in names]
        assert await profile.fetch("SELECT 1 FROM identifier WHERE key = ANY($1)", keys) == []
        assert await profile.fetch("SELECT 1 FROM event WHERE profile_id = $1", person) == []


async def test_a_request_that_is_repeated_is_made_once(profile):
    person = await a_life(profile)
    made = [await ask(profile, "ERASE", person, scope="PERSON", request_id="same") for _ in range(2)]

    assert made[0] == made[1]
    assert len(await profile.facts(events_pb2.ProfileErased)) == 1


async def test_the_list_shows_no_numbers_and_can_be_left(profile):
    phone = identifier("phone", PHONE)
    assert [await suppress(profile, phone), await suppress(profile, phone)] == [1, 0]

    listed = (await profile.suppression_stub.ListSuppressions(suppression_pb.ListSuppressionsRequest())).suppressions
    [person] = await profile.accepted(identify(user_id="user-1"))

    assert [(each.type, each.reason, each.actor) for each in listed] == [("phone", 1, "service:tester")]
    assert "1381234" not in await everything(profile)
    assert await may(profile, person, address=PHONE) == (False, "SUPPRESSED")
    assert [await unsuppress(profile, phone), await unsuppress(profile, phone)] == [1, 0]
    assert (await profile.ingest(an_event(identifiers=[phone])))[0].result == ACCEPTED


async def test_the_chain_of_an_erased_persons_consent_still_holds(profile):
    person = await a_life(profile)
    await ask(profile, "ERASE", person, scope="PERSON")

    found = await profile.consent_stub.VerifyConsents(consent_pb.VerifyConsentsRequest(profile_id=person))
    entries = await profile.consent_stub.ListConsentEntries(consent_pb.ListConsentEntriesRequest(profile_id=person))

    assert found.is_intact
    assert [(chain.profile_id, chain.length) for chain in found.chains] == [(person, 1)]
    assert [(entry.state, entry.ip) for entry in entries.consents] == [(WITHDRAWN, "")]
    with pytest.raises(NotFound):
        await record(profile, person, a_statement())


async def test_what_went_from_or_to_an_erased_person_is_forgotten_on_both_sides(profile):
    person = await a_life(profile)
    [other] = await profile.accepted(identify(user_id="neighbour", identifiers=[identifier("email", "n@mail.cn")]))
    await profile.reassign(person, "phone", PHONE, other)
    await profile.reassign(other, "email", "n@mail.cn", person)
    await profile.remove(other, "phone", PHONE)
    assert len(await profile.moves(other)) == 3

    await ask(profile, "ERASE", person, scope="PERSON")

    [kept] = await profile.moves(other)
    assert (kept.from_profile_id, kept.to_profile_id) == (other, "")
    assert str(person) not in str(await profile.fetch("SELECT * FROM identifier_move"))
