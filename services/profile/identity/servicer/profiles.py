"""The gRPC face of people: translates, decides nothing, catches nothing but a row's own refusal."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.profile.v1 import profile_pb2
from bowen.profile.v1 import profile_service_pb2 as pb
from bowen.profile.v1.profile_service_pb2_grpc import ProfileServiceServicer

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import PermissionDenied
from services.profile.attributes import convert as attribute_convert
from services.profile.attributes import store as attribute_store
from services.profile.attributes.domain import NOTHING
from services.profile.attributes.errors import AttributeConsentMissing
from services.profile.identity import convert, domain, operations, store
from services.profile.identity.domain import Claim, Rules
from services.profile.identity.errors import IdentifierInvalid, ProfileNotFound
from services.profile.identity.operations import RuleBook
from services.profile.identity.servicer.showing import masking, shown
from services.profile.looks import operations as looks
from services.profile.looks import store as look_store
from services.profile.suppressions.errors import IdentifierSuppressed
from services.profile.timeline import convert as timeline_convert
from services.profile.timeline import store as timeline_store
from services.profile.vault.domain import Vault

Outcome = pb.ImportProfilesOutcome


class ProfileServicer(ProfileServiceServicer):
    """Answers `bowen.profile.v1.ProfileService`."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, book: RuleBook | None = None) -> None:
        self._db, self._clock, self._vault, self._book = db, clock, vault, book or RuleBook()

    async def GetProfile(self, request: pb.GetProfileRequest, context: object) -> pb.GetProfileResponse:
        asked = UUID(request.profile_id)
        async with self._db.read() as tx:
            root = await self._visible(tx, asked)
            found = await self._profile(tx, root, asked, with_provenance=request.include_provenance)
            masked = await masking(tx, convert.masked_profile)
        return pb.GetProfileResponse(profile=shown(found, masked))

    async def LookupProfile(self, request: pb.LookupProfileRequest, context: object) -> pb.LookupProfileResponse:
        claim = domain.claim(request.type, request.namespace, request.value)
        if current().caller.store_id:
            found = await self._db.transact(lambda tx: self._found_by_store(tx, claim))
        else:
            async with self._db.read() as tx:
                owner = (await store.owners(tx, self._vault, [claim.key])).get(claim.key)
                found = await self._profile(tx, owner, owner) if owner else None
        if found is None:
            raise ProfileNotFound(type=request.type)
        async with self._db.read() as tx:
            masked = await masking(tx, convert.masked_profile)
        return pb.LookupProfileResponse(profile=shown(found, masked))

    async def ListProfileEvents(
        self, request: pb.ListProfileEventsRequest, context: object
    ) -> pb.ListProfileEventsResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, timeline_convert.position_from_key)
        async with self._db.read() as tx:
            root = await self._visible(tx, UUID(request.profile_id))
            everyone = await store.everyone_of(tx, root)
            wanted = timeline_convert.filter_from_proto(request)
            found = await timeline_store.page(tx, self._vault, everyone, wanted, after=after, limit=size + 1)
            masked = await masking(tx, convert.masked_event)
        page, token = pagination.cut(request, found, size, timeline_convert.position_to_key)
        return pb.ListProfileEventsResponse(
            events=[shown(timeline_convert.event_to_proto(event, root), masked) for event in page],
            next_page_token=token,
        )

    async def ListProfileMerges(
        self, request: pb.ListProfileMergesRequest, context: object
    ) -> pb.ListProfileMergesResponse:
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id)
        async with self._db.read() as tx:
            everyone = await store.everyone_of(tx, await self._visible(tx, UUID(request.profile_id)))
            found = await store.list_merges(
                tx, self._vault, everyone, before=request.include_before, after=after, limit=size + 1
            )
            masked = await masking(tx, convert.masked_merge)
        page, token = pagination.cut(request, found, size, lambda merge: [str(merge.merge_id)])
        return pb.ListProfileMergesResponse(
            merges=[shown(convert.merge_to_proto(merge), masked) for merge in page],
            next_page_token=token,
        )

    async def ImportProfiles(self, request: pb.ImportProfilesRequest, context: object) -> pb.ImportProfilesResponse:
        now = self._clock.now()
        rules = self._book.rules
        read = [_read(request.source_id, row, now, rules) for row in request.rows]
        rows = [row for row, _ in read if row is not None]

        async def work(tx: Tx) -> list[operations.Import | None]:
            return await operations.import_profiles(
                tx, rows, vault=self._vault, source_id=request.source_id, now=now, rules=rules
            )

        imported = iter(await operations.transact(self._db, work))
        return pb.ImportProfilesResponse(
            outcomes=[outcome if row is None else _imported(outcome, next(imported)) for row, outcome in read]
        )

    async def ResolveProfiles(self, request: pb.ResolveProfilesRequest, context: object) -> pb.ResolveProfilesResponse:
        read = [_claims(each, self._book.rules) for each in request.sets]
        sets = [claims for claims in read if not isinstance(claims, IdentifierInvalid)]
        found = iter(await (self._ensure(sets) if request.create_missing else self._find(sets)))
        return pb.ResolveProfilesResponse(
            outcomes=[
                pb.ResolveProfilesOutcome(reason=claims.reason)
                if isinstance(claims, IdentifierInvalid)
                else _resolved(next(found), suppressed=request.create_missing, key=self._vault.index(claims[0].key))
                for claims in read
            ]
        )

    async def ResolveProfileIds(
        self, request: pb.ResolveProfileIdsRequest, context: object
    ) -> pb.ResolveProfileIdsResponse:
        asked = [UUID(each) for each in request.profile_ids]
        async with self._db.read() as tx:
            roots = await store.roots_of(tx, set(asked))
            people = await store.living(tx, set(roots.values()))
        found = (roots[each] if roots[each] in people else None for each in asked)
        return pb.ResolveProfileIdsResponse(outcomes=[_resolved(each, suppressed=False) for each in found])

    async def GetProfileStats(self, request: pb.GetProfileStatsRequest, context: object) -> pb.GetProfileStatsResponse:
        async with self._db.read() as tx:
            counts = await timeline_store.counts(tx)
        return pb.GetProfileStatsResponse(
            profile_count=counts.get("profiles", 0),
            merge_count=counts.get("merges", 0),
            event_count=counts.get("events", 0),
            suppressed_event_count=counts.get("suppressed_events", 0),
        )

    async def _visible(self, tx: ReadTx, asked: UUID) -> UUID:
        """Where an id leads. Raises `PermissionDenied` for who may not see them."""
        root = await _own(tx, asked)
        await looks.check_scope(tx, current().caller, root, now=self._clock.now())
        return root

    async def _found_by_store(self, tx: Tx, claim: Claim) -> profile_pb2.Profile | None:
        """Whom a store's key finds, noted: a customer, or the least of anybody else. What a miss costs is kept."""
        caller, now = current().caller, self._clock.now()
        owner = (await store.owners(tx, self._vault, [claim.key])).get(claim.key)
        await looks.note_lookup(tx, caller, owner, claim.kind.name, now=now)
        if owner is None:
            return None
        found = await self._profile(tx, owner, owner)
        is_customer = await look_store.is_customer(tx, owner, caller.store_id, now=now)
        return found if is_customer else convert.least_of(found, claim)

    async def _profile(
        self, tx: ReadTx, profile_id: UUID, asked: UUID, *, with_provenance: bool = False
    ) -> profile_pb2.Profile:
        reading = await store.get_profile(tx, self._vault, profile_id)
        known = (await attribute_store.known_of(tx, self._vault, [profile_id])).get(profile_id, NOTHING)
        profile = convert.profile_to_proto(*reading, known, asked, now=self._clock.now(), rules=self._book.rules)
        profile.is_restricted, profile.is_personalization_off = await store.flags_of(tx, profile_id)
        if with_provenance:
            profile.provenance.extend(attribute_convert.provenance_to_proto(known.facts))
        return profile

    async def _ensure(self, sets: Sequence[Sequence[Claim]]) -> Sequence[UUID | None]:
        source_id, now, rules = current().caller.principal, self._clock.now(), self._book.rules
        return await operations.transact(
            self._db,
            lambda tx: operations.ensure_profiles(
                tx, sets, vault=self._vault, source_id=source_id, now=now, rules=rules
            ),
        )

    async def _find(self, sets: Sequence[Sequence[Claim]]) -> Sequence[UUID | None]:
        """The owner of each set's highest-ranked identifier that has one."""
        async with self._db.read() as tx:
            owners = await store.owners(tx, self._vault, {claim.key for claims in sets for claim in claims})
        return [next((owners[claim.key] for claim in claims if claim.key in owners), None) for claims in sets]


async def _own(tx: ReadTx, asked: UUID) -> UUID:
    """Where an id leads. Raises `PermissionDenied` for a shopper who asks for somebody else."""
    shopper = current().caller.profile_id
    if not shopper:
        return await store.root_of(tx, asked)
    own = _uuid(shopper)
    roots = await store.roots_of(tx, [asked, own])
    if roots[asked] != roots[own]:
        raise PermissionDenied("another person's profile")
    return roots[asked]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PermissionDenied("the shopper's token names no profile") from None


def _read(source_id: str, row: pb.ProfileRow, now: datetime, rules: Rules) -> tuple[operations.Row | None, Outcome]:
    """A row to import, or None and why it is refused. An outcome's detail tells what was ignored."""
    try:
        claims, notes = convert.claims_from_proto(row.identifiers, rules)
    except IdentifierInvalid as refusal:
        refused = Outcome(row_id=row.row_id, result=Outcome.RESULT_REJECTED)
        refused.reason, refused.detail = refusal.reason, refusal.message
        return None, refused
    key, fingerprint = convert.row_key(source_id, row)
    traits, time = convert.traits_from_proto(row.attributes), convert.time_from_proto(row, now)
    return operations.Row(key, fingerprint, claims, traits, time), Outcome(row_id=row.row_id, detail="; ".join(notes))


def _imported(outcome: Outcome, done: operations.Import | None) -> Outcome:
    if done is None:
        refusal = IdentifierSuppressed()
        outcome.result = Outcome.RESULT_REJECTED
        outcome.reason, outcome.detail = refusal.reason, refusal.message
        return outcome
    known = Outcome.RESULT_DUPLICATE if done.is_duplicate else Outcome.RESULT_UPDATED
    outcome.result = Outcome.RESULT_CREATED if done.is_created else known
    outcome.profile_id = str(done.profile_id)
    shut = [AttributeConsentMissing(name).message for name in done.shut_out]
    outcome.detail = "; ".join([outcome.detail, *shut] if outcome.detail else shut)
    return outcome


def _claims(identifiers: pb.IdentifierSet, rules: Rules) -> Sequence[Claim] | IdentifierInvalid:
    try:
        return convert.claims_from_proto(identifiers.identifiers, rules)[0]
    except IdentifierInvalid as refusal:
        return refusal


def _resolved(profile_id: UUID | None, *, suppressed: bool, key: bytes | None = None) -> pb.ResolveProfilesOutcome:
    """The person. Of those who may be created, one is missing only because their identifiers are suppressed."""
    if profile_id is None:
        return pb.ResolveProfilesOutcome(reason=IdentifierSuppressed.reason if suppressed else ProfileNotFound.reason)
    return pb.ResolveProfilesOutcome(profile_id=str(profile_id), identifier_key=str(UUID(bytes=key)) if key else "")
