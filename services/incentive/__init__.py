"""Value: the ledger of every asset, coupons, campaigns and their budgets."""
