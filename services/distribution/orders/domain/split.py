"""Splitting an amount without losing or making a unit."""

from collections.abc import Sequence


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Shares of a whole amount in proportion to weights, by largest remainder; they sum to the amount.

    Ties go to the earlier share. Weights are not negative; without any weight there is nothing to share: the amount
    must be 0 then.
    """
    total = sum(weights)
    if total == 0:
        if amount:
            raise ValueError("an amount cannot be split without weights")
        return [0] * len(weights)
    shares = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(amount * weights[index] % total), index))
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares
