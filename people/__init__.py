"""What every service that keeps something about people does alike, as profile tells it who they are (ADR 0029)."""
