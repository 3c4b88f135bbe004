"""What partners earn, and its way into the ledger."""
