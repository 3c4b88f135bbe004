"""The profile service: `python -m services.profile [serve|migrate|dead-letters|replay EVENT_ID|suggest]`."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import structlog
from bowen.profile.v1.attribute_service_pb2_grpc import add_AttributeServiceServicer_to_server
from bowen.profile.v1.consent_service_pb2_grpc import add_ConsentServiceServicer_to_server
from bowen.profile.v1.group_service_pb2_grpc import add_GroupServiceServicer_to_server
from bowen.profile.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from bowen.profile.v1.ingest_service_pb2_grpc import add_IngestServiceServicer_to_server
from bowen.profile.v1.privacy_service_pb2_grpc import add_PrivacyServiceServicer_to_server
from bowen.profile.v1.profile_service_pb2_grpc import add_ProfileServiceServicer_to_server
from bowen.profile.v1.rejection_service_pb2_grpc import add_RejectionServiceServicer_to_server
from bowen.profile.v1.review_service_pb2_grpc import add_ReviewServiceServicer_to_server
from bowen.profile.v1.search_service_pb2_grpc import add_SearchServiceServicer_to_server
from bowen.profile.v1.suppression_service_pb2_grpc import add_SuppressionServiceServicer_to_server

from chassis import config, lifecycle, migrate, telemetry
from chassis.clock import Clock, SystemClock
from chassis.command import command
from chassis.db import Database
from chassis.lifecycle import Unstartable
from chassis.process import Process
from services.profile.attributes import operations as attributes
from services.profile.attributes.servicer import AttributeServicer
from services.profile.consent import operations as consents
from services.profile.consent.servicer import ConsentServicer
from services.profile.groups.servicer import GroupServicer
from services.profile.identity import operations as identity
from services.profile.identity.servicer import IdentityServicer, ProfileServicer
from services.profile.ingest import operations
from services.profile.ingest.servicer import IngestServicer
from services.profile.privacy import operations as privacies
from services.profile.privacy.consumers import Answers
from services.profile.privacy.servicer import PrivacyServicer, SearchServicer, SuppressionServicer
from services.profile.rejections.servicer import RejectionServicer
from services.profile.reviews import operations as reviews
from services.profile.reviews.servicer import ReviewServicer
from services.profile.settings import Settings
from services.profile.suggestions.errors import TooManyPeople
from services.profile.timeline.consumers import Happenings
from services.profile.vault import domain, errors
from services.profile.vault import operations as vaults

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
FORGET_EVERY_S = 600.0
RETAIN_EVERY_S = 3600.0
BLOCKED_EVERY_S = 5.0
KEYS_EVERY_S = 60.0
QUEUE_EVERY_S = 5.0
SWEEP_EVERY_S = 60.0
INDEX_EVERY_S = 3600.0


async def assemble(process: Process[Settings]) -> None:
    """Put the service together."""
    wrappings = _wrappings(process.settings)
    vault = await _vault(process.db, wrappings, process.clock, version=process.settings.vault_version)
    await privacies.reseal(process.db, vault, unkeyed_only=True)
    book = identity.RuleBook()
    await book.refresh(process.db, vault)
    ingest = IngestServicer(process.db, process.clock, vault, book)
    process.resources.push_async_callback(ingest.close)
    process.server.add(add_IngestServiceServicer_to_server, ingest)
    process.server.add(add_ProfileServiceServicer_to_server, ProfileServicer(process.db, process.clock, vault, book))
    process.server.add(add_RejectionServiceServicer_to_server, RejectionServicer(process.db, vault))
    process.server.add(add_AttributeServiceServicer_to_server, AttributeServicer(process.db, process.clock))
    consent = ConsentServicer(process.db, process.clock, vault)
    process.server.add(add_ConsentServiceServicer_to_server, consent)
    identities = IdentityServicer(process.db, process.clock, vault, book, consents.follow)
    process.server.add(add_IdentityServiceServicer_to_server, identities)
    process.server.add(add_ReviewServiceServicer_to_server, ReviewServicer(process.db, process.clock, vault, book))
    process.server.add(add_GroupServiceServicer_to_server, GroupServicer(process.db, process.clock, vault))
    process.server.add(add_SearchServiceServicer_to_server, SearchServicer(process.db, process.clock, vault, book))
    suppressions = SuppressionServicer(process.db, process.clock, vault)
    process.server.add(add_SuppressionServiceServicer_to_server, suppressions)
    privacy = PrivacyServicer(process.db, process.clock, vault)
    process.server.add(add_PrivacyServiceServicer_to_server, privacy)
    process.every(FORGET_EVERY_S, "expire bundles", privacy.expire)
    process.every(RETAIN_EVERY_S, "let go what was kept long enough", privacy.retain)
    sweep = partial(privacies.sweep, process.db, vault, process.clock)
    process.every(SWEEP_EVERY_S, "let go what may not be known", sweep)
    Answers(vault).listen(process.consumer())
    Happenings(vault).listen(process.consumer("profile-timeline"))
    process.every(KEYS_EVERY_S, "renew keys", lambda: _renew(process, vault, wrappings))
    process.every(BLOCKED_EVERY_S, "read blocked values", lambda: book.refresh(process.db, vault))
    process.every(INDEX_EVERY_S, "index names", lambda: attributes.index_names(process.db, vault))
    process.every(INDEX_EVERY_S, "index phones", lambda: identity.index_phones(process.db, vault))
    process.every(QUEUE_EVERY_S, "keep the review queue", lambda: reviews.keep_queue(process.db, process.clock))
    process.every(FORGET_EVERY_S, "forget messages", lambda: operations.forget_messages(process.db, process.clock))


async def _suggest(settings: Settings) -> None:
    """Put people who are alike into the review queue. What that takes is in the extra `suggest`, not in an image."""
    from services.profile.suggestions import operations as suggestions

    db = Database.open(settings.database_url, pool_max=1, application_name="bowen-profile-suggest")
    clock = SystemClock()
    try:
        await asyncio.to_thread(migrate.check, settings.database_url, MIGRATIONS)
        vault = await _vault(db, _wrappings(settings), clock)
        count = await suggestions.suggest(db, vault, clock, people_max=settings.suggest_people_max)
    except (migrate.MigrationError, TooManyPeople) as error:
        raise Unstartable(str(error)) from None
    finally:
        await db.close()
    log.info("suggested", pairs=count)


def _wrappings(settings: Settings) -> list[domain.Wrapping]:
    """The keys from outside. Raises `Unstartable` without any."""
    if not settings.vault_key:
        raise Unstartable("BOWEN_VAULT_KEY is required: 32 random bytes in base64")
    try:
        return [domain.wrapping(each) for each in settings.vault_key]
    except ValueError as error:
        raise Unstartable(f"BOWEN_VAULT_KEY: {error}") from None


async def _vault(db: Database, wrappings: list[domain.Wrapping], clock: Clock, *, version: int = 1) -> domain.Vault:
    """The keys to personal data. Raises `Unstartable` without the key that opens them."""
    try:
        return await db.transact(lambda tx: vaults.open_vault(tx, wrappings, version=version, now=clock.now()))
    except errors.KeyWrong as error:
        raise Unstartable(f"BOWEN_VAULT_KEY: {error}") from None


async def _renew(process: Process[Settings], vault: domain.Vault, wrappings: list[domain.Wrapping]) -> None:
    """Learn of keys that were made since; when every replica uses the newest, seal anew what earlier ones sealed."""
    async with process.db.read() as tx:
        is_settled = await vaults.renew(tx, vault, wrappings, now=process.clock.now())
    if is_settled:
        await privacies.reseal(process.db, vault)


def main() -> int:
    """Run the command that the command line names."""
    if sys.argv[1:] == ["suggest"]:
        settings = config.load(Settings)
        telemetry.configure_logging("profile", settings.log_level)
        return lifecycle.run(lambda _: _suggest(settings))
    return command("profile", Settings, MIGRATIONS, assemble)


if __name__ == "__main__":
    sys.exit(main())
