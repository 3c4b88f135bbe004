"""What members of teams got, and whose orders were refunded since.

Of teams that were complete before, what each got is not known here: it stays with them.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

MEMBER = """
ALTER TABLE team_member
    ADD COLUMN paid_to uuid,
    ADD COLUMN paid_amount bigint NOT NULL DEFAULT 0,
    ADD COLUMN refund_time timestamptz
"""


def upgrade() -> None:
    op.execute(MEMBER)
    op.execute("CREATE INDEX team_member_order_idx ON team_member (order_reference) WHERE order_reference <> ''")


def downgrade() -> None:
    op.execute("DROP INDEX team_member_order_idx")
    op.execute("ALTER TABLE team_member DROP COLUMN paid_to, DROP COLUMN paid_amount, DROP COLUMN refund_time")
