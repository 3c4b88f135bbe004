"""What changes campaigns, and what they do about facts: lock, judge, save, tell.

Rows are held in one order everywhere: the campaign, the switch, orders, buyers, the reward tree, grants, counters,
budgets, coupon templates, accounts.
"""
