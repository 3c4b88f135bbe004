"""Every statement about commission: plans and commissions, and the movements that the ledger is asked for."""
