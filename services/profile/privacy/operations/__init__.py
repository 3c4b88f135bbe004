"""Doing what people ask for."""

from services.profile.privacy.operations.answering import confirm, provide
from services.profile.privacy.operations.bundling import collect, expire_bundles
from services.profile.privacy.operations.erasing import erase
from services.profile.privacy.operations.linking import create_link, end_link, open_link, read_link
from services.profile.privacy.operations.requests import create, look
from services.profile.privacy.operations.resealing import reseal
from services.profile.privacy.operations.retaining import retain
from services.profile.privacy.operations.searching import Searcher, search
from services.profile.privacy.operations.sweeping import sweep

__all__ = [
    "Searcher",
    "collect",
    "confirm",
    "create",
    "create_link",
    "end_link",
    "erase",
    "expire_bundles",
    "look",
    "open_link",
    "provide",
    "read_link",
    "reseal",
    "retain",
    "search",
    "sweep",
]
