"""What every component needs, and no business noun."""
