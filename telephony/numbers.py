"""Telephone numbers as people write them and as trunks send them, in one form. Pure."""

import functools
import re
from collections.abc import Iterable


@functools.lru_cache(1_000)  # a caller's is asked for in every room
def plain_number(number: str) -> str:
    """One form for the many ways in which a Chinese number arrives; "" when it is withheld.

    +86, 0086 and 86 fall away, and so does the 0 that some trunks put before a mobile number.
    """
    digits = re.sub(r"[^0-9+]", "", number)
    digits = re.sub(r"^(\+86|0086)", "", digits).lstrip("+")
    if re.fullmatch(r"86(1\d{10}|0\d{9,11})", digits):
        digits = digits[2:]
    return digits[1:] if re.fullmatch(r"01[3-9]\d{9}", digits) else digits


def is_allowed(number: str, rules: Iterable[str]) -> bool:
    """Does a rule allow a call to this number? One with ``*`` at its end is a prefix."""
    if not (number.isascii() and number.isdigit()) or len(number) > 20:
        return False
    return any(
        number.startswith(rule[:-1]) if rule.endswith("*") else number == rule for rule in rules
    )
