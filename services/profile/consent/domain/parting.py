"""What is said anew of addresses when a merge is undone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from services.profile.consent.domain.deciding import last_words
from services.profile.consent.domain.entries import UNMERGE, Entry, State, Statement


def parted(said: Sequence[Entry], *, since: UUID, to_id: UUID, actor: str, now: datetime) -> Iterator[Statement]:
    """What follows addresses to whom they went back, of all that those who are left said of them.

    What was said since the merge is repeated under `to_id`; a grant that came with it ends where it was written down.
    """
    later = [entry for entry in said if entry.consent_id > since]
    for entry in later:
        yield _repeated(entry)._replace(profile_id=to_id)
    before = last_words(entry for entry in said if entry.consent_id <= since)
    for place, entry in sorted(last_words(later).items()):
        if entry.is_grant and not (place in before and before[place].is_grant):
            yield _repeated(entry)._replace(state=State.WITHDRAWN, source=UNMERGE, ip="", actor=actor, consent_time=now)


def _repeated(entry: Entry) -> Statement:
    return Statement(
        entry.profile_id,
        entry.scope,
        State(entry.state),
        entry.legal_basis,
        entry.notice_version,
        entry.text_hash,
        entry.source,
        entry.ip,
        entry.actor,
        entry.consent_time,
    )
