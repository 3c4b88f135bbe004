"""How a coupon's code is written and read.

A code is twelve random characters of Crockford's base 32 (60 bits) and a check character. The check is a weighted sum
over the field of 32 elements, which finds every wrong character and every swap of two characters.
"""

from services.incentive.coupons.errors import CouponNotFound

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_BITS = 60
NO_CODE = "?"
"""Stands for what cannot be a code, so that it is looked up like one."""

_LENGTH = CODE_BITS // 5
_POLYNOMIAL = 0b100101  # x⁵ + x² + 1, primitive
_FOLDED = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def code_of(number: int) -> str:
    """The code of a random number of `CODE_BITS` bits."""
    digits = [number >> 5 * place & 31 for place in reversed(range(_LENGTH))]
    return "".join(ALPHABET[digit] for digit in (*digits, _check(digits)))


def code_from_text(text: str) -> str:
    """The code that somebody typed: in any case, with hyphens or spaces, O for 0, I or L for 1.

    Raises `CouponNotFound` for what cannot be a code.
    """
    code = text.upper().translate(_FOLDED)
    digits = [ALPHABET.find(character) for character in code]
    if len(digits) != _LENGTH + 1 or -1 in digits or _check(digits[:-1]) != digits[-1]:
        raise CouponNotFound
    return code


def code_or_none(text: str) -> str:
    """The code that somebody typed, or `NO_CODE`, which nobody has."""
    try:
        return code_from_text(text)
    except CouponNotFound:
        return NO_CODE


def _check(digits: list[int]) -> int:
    """Horner's rule at the element x, so that every place has a weight of its own, and none the check's weight 1."""
    total = 0
    for digit in digits:
        total = _times_x(total ^ digit)
    return total


def _times_x(element: int) -> int:
    element <<= 1
    return element ^ _POLYNOMIAL if element & 32 else element
