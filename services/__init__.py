"""The business services. None imports another."""
