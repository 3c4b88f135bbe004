"""Prizes that members share: scored by facts, frozen under a hash, paid once."""
