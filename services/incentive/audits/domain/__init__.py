"""What is audited. Pure."""
