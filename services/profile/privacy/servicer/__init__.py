"""The gRPC faces of privacy."""

from services.profile.privacy.servicer.requests import PrivacyServicer
from services.profile.privacy.servicer.searching import SearchServicer
from services.profile.privacy.servicer.suppressing import SuppressionServicer

__all__ = ["PrivacyServicer", "SearchServicer", "SuppressionServicer"]
