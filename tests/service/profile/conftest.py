"""The profile service in this process, on a database of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
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

from chassis.clock import FixedClock
from chassis.db import Database
from services.profile.attributes.servicer import AttributeServicer
from services.profile.consent import operations as consents
from services.profile.consent.servicer import ConsentServicer
from services.profile.groups.servicer import GroupServicer
from services.profile.identity.operations import RuleBook
from services.profile.identity.servicer import IdentityServicer, ProfileServicer
from services.profile.ingest.servicer import IngestServicer
from services.profile.privacy.servicer import PrivacyServicer, SearchServicer, SuppressionServicer
from services.profile.rejections.servicer import RejectionServicer
from services.profile.reviews.servicer import ReviewServicer
from tests.databases import patient
from tests.service.profile.speaking import Profile
from tests.service.profile.vaults import a_vault
from tests.serving import serving


@pytest.fixture
def database_url(fresh_database: Callable[[str], str]) -> str:
    return fresh_database("profile")


@pytest.fixture
async def profile(db: Database, clock: FixedClock) -> AsyncIterator[Profile]:
    """The running service, spoken to over gRPC."""
    async with running(db, clock) as service:
        yield service


@pytest.fixture
async def other_profile(fresh_database: Callable[[str], str], clock: FixedClock) -> AsyncIterator[Profile]:
    """The service of another deployment, on a database and with keys of its own."""
    other = patient(fresh_database("profile"))
    async with running(other, clock) as service:
        yield service
    await other.close()


@asynccontextmanager
async def running(db: Database, clock: FixedClock) -> AsyncIterator[Profile]:
    """The service on a database."""
    vault = await a_vault(db)
    book = RuleBook()
    ingest = IngestServicer(db, clock, vault, book)
    added = (
        (add_IngestServiceServicer_to_server, ingest),
        (add_ProfileServiceServicer_to_server, ProfileServicer(db, clock, vault, book)),
        (add_ConsentServiceServicer_to_server, ConsentServicer(db, clock, vault)),
        (add_IdentityServiceServicer_to_server, IdentityServicer(db, clock, vault, book, consents.follow)),
        (add_GroupServiceServicer_to_server, GroupServicer(db, clock, vault)),
        (add_ReviewServiceServicer_to_server, ReviewServicer(db, clock, vault, book)),
        (add_SearchServiceServicer_to_server, SearchServicer(db, clock, vault, book)),
        (add_SuppressionServiceServicer_to_server, SuppressionServicer(db, clock, vault)),
        (add_RejectionServiceServicer_to_server, RejectionServicer(db, vault)),
        (add_AttributeServiceServicer_to_server, AttributeServicer(db, clock)),
        (add_PrivacyServiceServicer_to_server, PrivacyServicer(db, clock, vault)),
    )
    async with serving("profile", clock, *added) as client:
        yield Profile(client, db, clock, vault)
    await ingest.close()
