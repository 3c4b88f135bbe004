"""Orders and who is credited with them."""
