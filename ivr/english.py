"""What is natural in spoken English: the parts of numbers, amounts, days and times. Pure.

British "and" (one hundred and five, one thousand and five); a date is "November twenty-sixth", a
time "three thirty p m", which needs no "past" or "to" and cannot be misheard by half a day; an
amount is "one hundred and twenty-eight yuan fifty", as dollars and cents are said.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

_UNITS = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))


def _whole(number: int) -> list[str]:
    """A number from 0 to 10^12 − 1. "and" is spoken with the word before it, without a break."""
    if number < 100:
        return [f"n{number}"]
    parts: list[str] = []
    for unit, name in _UNITS:
        if section := number // unit % 1000:
            parts += [*_section(section), name]
    rest = number % 1000
    if 0 < rest < 100 and parts:
        parts[-1] += "_and"
    return [*parts, *(_section(rest) if rest else [])]


def _section(number: int) -> list[str]:
    """1 to 999."""
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return [f"n{rest}"]
    return [f"hundred_and_{hundreds}", f"n{rest}"] if rest else [f"hundred_{hundreds}"]


def characters(group: str) -> list[str]:
    """One group of an order or telephone number."""
    if group == "+":
        return ["plus"]
    return [f"{'digit' if each.isdigit() else 'letter'}_{each}" for each in group]


def number(value: Decimal) -> list[str]:
    """Minus three point one four."""
    whole, _, decimals = f"{abs(value):f}".partition(".")
    parts = ["minus"] if value < 0 else []
    parts += _whole(int(whole))
    return parts + (["point", *(f"n{digit}" for digit in decimals)] if decimals else [])


def _two_digits(number: int) -> list[str]:
    """The minutes of a time, the cents of an amount: fifty, oh five."""
    return [f"n{number}"] if number >= 10 else [f"oh_{number}"]


def money(amount: Decimal) -> list[str]:
    """One hundred and twenty-eight yuan fifty; eighty fen."""
    yuan, cents = divmod(int(abs(amount) * 100), 100)
    parts = ["minus"] if amount < 0 else []
    if cents and not yuan:
        return [*parts, f"n{cents}", "fen"]
    return [*parts, *_whole(yuan), "yuan", *(_two_digits(cents) if cents else [])]


_NEAR = {0: "today", 1: "tomorrow", 2: "day_after", -1: "yesterday", -2: "day_before"}


def date_(day: date, today: date | None) -> list[str]:
    """November twenty-sixth, twenty twenty-six; tomorrow."""
    if today and (near := _NEAR.get((day - today).days)):
        return [near]
    parts = [f"month_{day.month}", f"day_{day.day}"]
    return parts if today and today.year == day.year else [*parts, *_year(day.year)]


def _year(year: int) -> list[str]:
    century, rest = divmod(year, 100)
    if year < 1000 or rest == 0 or (century % 10 == 0 and rest < 10):
        return _whole(year)  # one thousand nine hundred; two thousand and five
    return [f"n{century}", *_two_digits(rest)]


def weekday(day: date) -> list[str]:
    """Thursday."""
    return [f"weekday_{day.isoweekday()}"]


def time_(hour: int, minute: int) -> list[str]:
    """Three thirty p m; noon."""
    if minute == 0 and hour % 12 == 0:
        return ["noon" if hour else "midnight"]
    parts = [f"n{hour % 12 or 12}", *(_two_digits(minute) if minute else [])]
    return [*parts, "am" if hour < 12 else "pm"]


def _counted(count: int, thing: str) -> list[str]:
    return [*_whole(count), thing if count == 1 else f"{thing}s"]


def duration(seconds: int) -> list[str]:
    """One hour twenty minutes; without seconds from an hour on."""
    whole, rest = divmod(seconds, 60)
    spans = [(whole // 60, "hour"), (whole % 60, "minute"), (0 if whole >= 60 else rest, "second")]
    parts = [part for count, name in spans if count for part in _counted(count, name)]
    return parts or _counted(0, "second")


def _of(thing: str) -> Callable[[int], list[str]]:
    return lambda count: _counted(count, thing)


minutes, hours, days, items = _of("minute"), _of("hour"), _of("day"), _of("item")


def percent(value: Decimal) -> list[str]:
    """Twenty percent."""
    return [*number(value), "percent"]


def discount(paid: int) -> list[str]:
    """Fifteen percent off, for 85 % to be paid."""
    return [f"n{100 - paid}", "percent_off"]


def _things(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _span(seconds: int) -> str:
    whole, rest = divmod(seconds, 60)
    spans = [(whole // 60, "hour"), (whole % 60, "minute"), (0 if whole >= 60 else rest, "second")]
    return " ".join(_things(count, name) for count, name in spans if count) or "0 seconds"


_WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

WRITTEN: Mapping[str, Callable[..., str]] = {
    "weekday": lambda day: _WEEKDAYS[day.weekday()],
    "duration": _span,
    "minutes": lambda count: _things(count, "minute"),
    "hours": lambda count: _things(count, "hour"),
    "days": lambda count: _things(count, "day"),
    "items": lambda count: _things(count, "item"),
    "discount": lambda paid: f"{100 - paid}% off",
}
"""How values are written that look different in another language."""
