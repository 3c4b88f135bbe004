"""What lets most transfers be posted by one statement: a way to ask, under a lock, whether anything speaks against it."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A refusal and a merge each hold a lock of their kind alone until they are committed; who posts at once holds both with
# others, and asks after that, with a new snapshot: this is why it is a function, and volatile. So of a posting and a
# refusal of one transfer the later one sees the earlier, and so does a posting a merge that moves value away from it.
# Programmes need no lock: what was posted just before one came is covered by it like all that was there before.
# Who posts at once never waits here: somebody else at work is reason enough to take the exact way.
CLEAR = """
CREATE FUNCTION posting_is_clear(keys uuid[], members uuid[], assets text[])
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF NOT (pg_try_advisory_xact_lock_shared(1886352500, 1) AND pg_try_advisory_xact_lock_shared(1886352500, 2)) THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (SELECT FROM transfer_refusal WHERE transfer_key = ANY (keys))
       AND NOT EXISTS (SELECT FROM redirect WHERE loser_id = ANY (members))
       AND NOT EXISTS (SELECT FROM programme WHERE asset = ANY (assets));
END
$$
"""

# What the exact way asks at its end. Refusals of its own have their lock by then.
TWICE = """
CREATE FUNCTION transfers_decided_twice(posted uuid[], refused uuid[]) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1886352500, 1);
    RETURN EXISTS (SELECT FROM transfer_refusal WHERE transfer_key = ANY (posted))
        OR EXISTS (SELECT FROM transfer WHERE transfer_key = ANY (refused));
END
$$
"""

# Triggers, so that nobody forgets it: not a statement to come, and not the release before this one.
ALONE = """
CREATE FUNCTION post_nothing_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1886352500, TG_ARGV[0]::integer);
    RETURN NULL;
END
$$
"""

TRIGGER = """
CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION post_nothing_at_once('{lock}')
"""


def upgrade() -> None:
    for statement in (
        CLEAR,
        TWICE,
        ALONE,
        TRIGGER.format(name="transfer_refusal_alone", table="transfer_refusal", lock=1),
        TRIGGER.format(name="redirect_alone", table="redirect", lock=2),
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER redirect_alone ON redirect")
    op.execute("DROP TRIGGER transfer_refusal_alone ON transfer_refusal")
    op.execute("DROP FUNCTION post_nothing_at_once, transfers_decided_twice, posting_is_clear")
