"""How long it takes to find and to read people of a log that has grown (spec people C3, C7, I15)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bowen.profile.v1 import consent_service_pb2, event_pb2, profile_pb2, search_service_pb2
from bowen.profile.v1 import ingest_service_pb2 as ingests
from bowen.profile.v1 import profile_service_pb2 as pb

from bench.harness import Report, check, percentile
from bench.ingest_load import CONTACT_EVERY, Population, chunks, contact_of
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import NotFound
from services.profile.consent.servicer import ConsentServicer
from services.profile.identity.servicer import ProfileServicer
from services.profile.ingest.servicer import IngestServicer
from services.profile.privacy.servicer import SearchServicer
from services.profile.vault.domain import Vault

LOOKUPS = 2_000
VIEWS = 500
VIEW_EVENTS = 20
SEARCHES = 200
FRAGMENT = {"phone": 6, "name": 2}
"""How many of the last characters are searched for."""
ALIASES = 999
CHAIN_TURNS = 1_000
CHAIN_BATCH = 333


class Reads:
    """Reads of a service in this process, one after another, as who works for the brand."""

    def __init__(self, report: Report, db: Database, clock: Clock, vault: Vault) -> None:
        self._report = report
        self._profiles = ProfileServicer(db, clock, vault)
        self._consents = ConsentServicer(db, clock, vault)
        self._search = SearchServicer(db, clock, vault)

    async def measure(self, ingest: IngestServicer, people: int) -> None:
        """Look people up by identifier, read what the 360° view asks profile, search by fragments, follow a chain."""
        found = await self._look_up(people)
        await self._view(people, found)
        for name in FRAGMENT:
            await self._find(people, name)
        await self._chain(ingest, found)

    async def _look_up(self, people: int) -> list[str]:
        """Returns the user ids of who was found."""
        population, found, latencies = Population("grown", people=max(people, 1)), list[str](), list[float]()
        for event in population.events(LOOKUPS):
            if user_id := event.get("userId"):
                request = pb.LookupProfileRequest(type="user_id", value=user_id)
                try:
                    latencies.append((await _timed(self._profiles.LookupProfile, request))[0])
                except NotFound:  # a user id that no event of the log names
                    continue
                found.append(user_id)
        check(bool(latencies), "nobody was found")
        note = f"{people:,} people, {len(latencies)} look-ups one after another"
        for share in (0.5, 0.99):
            self._bound(f"look-up by identifier, p{share * 100:.0f}", latencies, share, note=note)
        return found

    async def _view(self, people: int, user_ids: Sequence[str]) -> None:
        """The three calls that the gateway makes at once for the view."""
        ids = [outcome.profile_id for outcome in await self._resolved(*user_ids[:VIEWS])]
        latencies = [(await _timed(self._parts, profile_id))[0] for profile_id in ids]
        self._bound("360° view, p95", latencies, at_most=50, note=f"{people:,} people, what profile answers of it")

    async def _parts(self, profile_id: str) -> None:
        profile, *_ = await asyncio.gather(
            self._profiles.GetProfile(pb.GetProfileRequest(profile_id=profile_id), None),
            self._profiles.ListProfileEvents(
                pb.ListProfileEventsRequest(profile_id=profile_id, page_size=VIEW_EVENTS), None
            ),
            self._consents.ListConsents(consent_service_pb2.ListConsentsRequest(profile_id=profile_id), None),  # type: ignore[arg-type]
        )
        check(profile.profile.profile_id == profile_id, "somebody else was read")

    async def _find(self, people: int, name: str) -> None:
        """The end of a number or name; of some the log does not tell, and they are not found."""
        latencies, hits = list[float](), 0
        for _ in range(SEARCHES):
            contact = contact_of(random.randrange(0, max(people, 1), CONTACT_EVERY))[name]
            request = search_service_pb2.SearchProfilesRequest(q=contact[-FRAGMENT[name] :])
            seconds, answer = await _timed(self._search.SearchProfiles, request)
            latencies.append(seconds)
            hits += bool(answer.profiles)
        check(hits > 0, f"no search by {name} found anybody")
        note = f"{people:,} people, {SEARCHES} searches, {hits} found somebody"
        self._bound(f"search by a part of the {name}, p95", latencies, note=note)

    async def _chain(self, ingest: IngestServicer, plain: Sequence[str]) -> None:
        """An id of a chain of a thousand aliases beside one of somebody else, in turns."""
        links = [_alias(f"chain-{number}", f"chain-{number + 1}") for number in range(ALIASES)]
        for portion in chunks(links, CHAIN_BATCH):
            await ingest.Ingest(ingests.IngestRequest(events=portion), None)
        chain = await self._resolved(*(f"chain-{number}" for number in range(ALIASES + 1)))
        check(len({outcome.profile_id for outcome in chain}) == 1, "the chain is not one person")
        taken: dict[str, list[float]] = {"chain": [], "plain": []}
        for number in range(CHAIN_TURNS):
            for kind, user_id in (("chain", f"chain-{number % ALIASES}"), ("plain", plain[number % len(plain)])):
                taken[kind].append((await _timed(self._resolved, user_id))[0])
        ratios = [percentile(taken["chain"], 0.95) / percentile(taken["plain"], 0.95)]
        self._report.bound("whose an id of 1,000 aliases is / a plain id, p95", ratios, at_most=1.2, unit="x")

    async def _resolved(self, *user_ids: str) -> Sequence[pb.ResolveProfilesOutcome]:
        sets = [pb.IdentifierSet(identifiers=[profile_pb2.Identifier(type="user_id", value=each)]) for each in user_ids]
        answers = [
            await self._profiles.ResolveProfiles(pb.ResolveProfilesRequest(sets=portion), None)
            for portion in chunks(sets, CHAIN_BATCH)
        ]
        return [outcome for answer in answers for outcome in answer.outcomes]

    def _bound(
        self, measure: str, latencies: Sequence[float], share: float = 0.95, *, at_most: float | None = None, note: str
    ) -> None:
        self._report.bound(measure, [percentile(latencies, share) * 1e3], at_most=at_most, note=note)


def _alias(previous: str, user_id: str) -> ingests.IncomingEvent:
    return ingests.IncomingEvent(
        message_id=f"alias-{user_id}",
        type=event_pb2.EVENT_TYPE_ALIAS,
        previous_id=previous,
        user_id=user_id,
        source_id="bench",
        trust=event_pb2.TRUST_SERVER,
    )


async def _timed(call: Callable[..., Awaitable[Any]], argument: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = await (call(argument) if isinstance(argument, str) else call(argument, None))
    return time.perf_counter() - started, answer
