"""What changes campaigns, and what they do about facts: lock, judge, save, tell.

Rows are held in one order everywhere: the campaign, the switch, the reward tree, orders, buyers, grants, counters,
packets, budgets, coupon templates, accounts.
"""
