"""Coupons: issued from templates, used once."""
