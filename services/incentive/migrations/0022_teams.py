"""Teams: group buying and helping."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CAMPAIGN = """
CREATE TABLE team_campaign (
    team_campaign_id uuid NOT NULL CONSTRAINT team_campaign_pkey PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    size integer NOT NULL,
    ttl interval NOT NULL,
    asset text NOT NULL,
    captain_amount bigint NOT NULL,
    member_amount bigint NOT NULL,
    budget_id uuid,
    teams_per_profile_max integer NOT NULL,
    channel text NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    stopped boolean NOT NULL DEFAULT false,
    CONSTRAINT team_campaign_budget_fkey FOREIGN KEY (budget_id) REFERENCES budget (budget_id),
    CONSTRAINT team_campaign_kind_check CHECK (kind IN ('group_buy', 'help')),
    CONSTRAINT team_campaign_channel_check CHECK (NOT (kind = 'help' AND channel = 'wechat_h5')),
    CONSTRAINT team_campaign_window_check CHECK (start_time < end_time)
)
"""

# The row that one person's openings of teams hold one after another.
CAPTAIN = """
CREATE TABLE team_captain (
    team_campaign_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    CONSTRAINT team_captain_pkey PRIMARY KEY (team_campaign_id, profile_id)
)
"""

TEAM = """
CREATE TABLE team (
    team_id uuid NOT NULL CONSTRAINT team_pkey PRIMARY KEY,
    team_campaign_id uuid NOT NULL,
    captain_id uuid NOT NULL,
    seats integer NOT NULL,
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    state text NOT NULL,
    taken integer NOT NULL,
    close_time timestamptz,
    charge_time timestamptz,
    CONSTRAINT team_campaign_fkey FOREIGN KEY (team_campaign_id) REFERENCES team_campaign (team_campaign_id),
    CONSTRAINT team_state_check CHECK (state IN ('open', 'completed', 'expired')),
    CONSTRAINT team_taken_check CHECK (taken BETWEEN 0 AND seats),
    CONSTRAINT team_complete_check CHECK ((state = 'completed') = (taken = seats)),
    CONSTRAINT team_close_check CHECK ((state = 'open') = (close_time IS NULL))
) WITH (fillfactor = 80)
"""

# `help_campaign_id` is set in campaigns of help: the unique row behind "a person helps once in a campaign".
MEMBER = """
CREATE TABLE team_member (
    team_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    order_reference text NOT NULL,
    join_time timestamptz NOT NULL,
    leave_time timestamptz,
    help_campaign_id uuid,
    CONSTRAINT team_member_pkey PRIMARY KEY (team_id, profile_id),
    CONSTRAINT team_member_help_key UNIQUE (help_campaign_id, profile_id),
    CONSTRAINT team_member_team_fkey FOREIGN KEY (team_id) REFERENCES team (team_id)
)
"""


def upgrade() -> None:
    for statement in (
        CAMPAIGN,
        CAPTAIN,
        TEAM,
        MEMBER,
        "CREATE INDEX team_expire_idx ON team (expire_time) WHERE state = 'open'",
        "CREATE INDEX team_captain_idx ON team (captain_id, team_campaign_id)",
        "CREATE INDEX team_member_profile_idx ON team_member (profile_id)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE team_member, team, team_captain, team_campaign")
