"""What is done here when people ask what is held of them, or to be forgotten."""
