"""Currencies and their minor units (ISO 4217)."""

_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: exponent for exponent, codes in _DIGITS.items() for code in codes.split()}


def exponent_of(currency_code: str) -> int:
    """How many decimal places a currency has."""
    return _EXPONENTS.get(currency_code, 2)


def amount_text(amount_minor: int, currency_code: str) -> str:
    """An amount as people write it, e.g. `12.50`, without its currency."""
    exponent = exponent_of(currency_code)
    if not exponent:
        return str(amount_minor)
    sign, digits = "-" if amount_minor < 0 else "", f"{abs(amount_minor):0{exponent + 1}d}"
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"
