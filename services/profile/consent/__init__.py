"""What people agree to: a ledger that only grows, and what follows from it."""
