"""The gRPC faces of people: what they are, and how it is corrected."""

from services.profile.identity.servicer.identities import IdentityServicer
from services.profile.identity.servicer.profiles import ProfileServicer

__all__ = ["IdentityServicer", "ProfileServicer"]
