"""Rewards that people should not have, as it turned out who they are; operators decide what is taken back."""
