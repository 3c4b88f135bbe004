"""Households, customers of stores, companies: who belonged to which, and when."""
