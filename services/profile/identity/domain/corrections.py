"""Identifiers that somebody gives to another person by hand."""

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, Origin, People, Person
from services.profile.identity.domain.plans import Plan, broken
from services.profile.identity.domain.rules import RULES, Rules, Sight
from services.profile.identity.domain.verdicts import Move, MoveReason
from services.profile.identity.errors import IdentifierRefused


def reassign(people: People, link: Link, person: Person, claim: Claim, origin: Origin, rules: Rules = RULES) -> Move:
    """Give an identifier to somebody else. Raises `IdentifierRefused` where that breaks a limit of theirs."""
    plan = Plan([claim], [person], attach=[claim])
    if rule := broken(people, plan, Sight(origin.time, rules), is_alias=False):
        raise IdentifierRefused(rule)
    move = Move(link, link.person.profile_id, person.profile_id, MoveReason.REASSIGNED)
    link.hand_over(person, claim, origin)
    link.touched, link.suspect_time = b"", None
    return move
