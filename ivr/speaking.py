"""How a value is said: the parts to play for numbers, money, dates, order numbers. Pure.

A flow writes ``{order.amount:money}``; here ``Decimal("128.50")`` becomes the names of prompts
that are played one after another: 一百 二十八 元 五角, or "one hundred and", "twenty-eight",
"yuan", "fifty". The parts stand in ``ivr/parts.yaml``, what is natural in a language in
``ivr/chinese.py`` and ``ivr/english.py``. ``written`` is the same for messages and pages.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import ModuleType
from typing import Any, TypeAlias

from ivr import chinese, english
from ivr.ports import Scalar, Value

Parts: TypeAlias = tuple[str, ...]

PAUSE = "pause"
"""The part that is a quarter of a second of silence."""

LIMIT = 10**12
"""Numbers are spoken below this."""
LONGEST = 32
"""Characters of an order number or digit string: nobody can follow more."""

_LANGUAGES: Mapping[str, ModuleType] = {"zh": chinese, "en": english}


class CannotSpeak(ValueError):
    """A value cannot be said in this way; the message names both."""

    def __init__(self, value: object, way: str, why: str) -> None:
        super().__init__(f"cannot say {str(value)[:40]!r} as {way}: {why}")


def spoken(value: Value, way: str, language: str, *, today: date | None = None) -> Parts:
    """The parts that say a value, in order; several values come with pauses between them.

    With ``today`` a date near it is 今天 or "tomorrow", and its year is left out in that year.

    Raises:
        CannotSpeak: there is no such way or language, or the value does not fit the way.
    """
    if isinstance(value, tuple):
        said = [spoken(each, way, language, today=today) for each in value]
        return tuple(part for parts in said for part in (PAUSE, *parts))[1:]
    tongue = _tongue(value, way, language)
    match way:
        case "digits" | "phone" | "order_number":
            groups = [tongue.characters(group) for group in _GROUPS[way](value, way)]
            return tuple(part for parts in groups for part in (PAUSE, *parts))[1:]
        case "date":
            return tuple(tongue.date_(_date(value, way), today))
        case "date_time":
            moment = _datetime(value, way)
            return (*tongue.date_(moment.date(), today), *tongue.time_(*_clock(moment, way)))
        case "time":
            return tuple(tongue.time_(*_clock(value, way)))
    return tuple(getattr(tongue, way)(WAYS[way](value, way)))


def written(value: Value, way: str, language: str) -> str:
    """The value as it is written in a message or on a page: ¥128.50, 2026-11-26 15:30.

    Raises:
        CannotSpeak: as ``spoken`` does.
    """
    if isinstance(value, tuple):
        return ("、" if language.startswith("zh") else ", ").join(
            written(each, way, language) for each in value
        )
    tongue = _tongue(value, way, language)
    known = WAYS[way](value, way)
    write = tongue.WRITTEN.get(way) or _WRITTEN.get(way)
    return str(write(known) if write else value)


def _tongue(value: object, way: str, language: str) -> ModuleType:
    if way not in WAYS:
        raise CannotSpeak(value, way, f"the ways are {', '.join(WAYS)}")
    if (tongue := _LANGUAGES.get(language.split("-", maxsplit=1)[0])) is None:
        raise CannotSpeak(value, way, f"nobody taught it the language {language}")
    return tongue


# ---- what a value is ----


def _number(value: Scalar, way: str) -> Decimal:
    """A number of at most six decimals, without zeros at its end."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise CannotSpeak(value, way, "it is no number")
    try:
        number = Decimal(value)
        plain = number.quantize(Decimal("0.000001")) if number.is_finite() else None
    except InvalidOperation:
        plain = None
    if plain is None or plain != number:
        raise CannotSpeak(value, way, "it is no number, or none with at most six decimals")
    if abs(plain) >= LIMIT:
        raise CannotSpeak(value, way, "only numbers under a million million are said")
    return _plain(plain)


def _plain(number: Decimal) -> Decimal:
    """Without zeros at the end, and without an exponent: 1E+2 is 100, −0 is 0."""
    return number.quantize(Decimal(1)) + 0 if number == number.to_integral() else number.normalize()


def _money(value: Scalar, way: str) -> Decimal:
    amount = _number(value, way)
    if amount != round(amount, 2):
        raise CannotSpeak(value, way, "an amount has two decimals")
    return amount


def _count(value: Scalar, way: str) -> int:
    number = _number(value, way)
    if number < 0 or number != int(number):
        raise CannotSpeak(value, way, "only whole things can be counted")
    return int(number)


def _paid(value: Scalar, way: str) -> int:
    """The percentage that is still to be paid: 85 for 0.85."""
    percent = _number(value, way) * 100
    if not 0 < percent < 100 or percent != int(percent):
        raise CannotSpeak(value, way, "it is the share to be paid, such as 0.85")
    return int(percent)


def _date(value: Scalar, way: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else _datetime(value, way).date()


def _datetime(value: Scalar, way: str) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise CannotSpeak(value, way, "it is no date or time such as 2026-11-26 15:30") from None


def _clock(value: Scalar, way: str) -> tuple[int, int]:
    """Hour and minute."""
    if isinstance(value, str) and (
        found := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)(:\d\d)?", value)
    ):
        return int(found[1]), int(found[2])
    if isinstance(value, date) and not isinstance(value, datetime):
        raise CannotSpeak(value, way, "a day has no time of day")
    moment = _datetime(value, way)
    return moment.hour, moment.minute


# ---- characters in groups ----


def _digits(value: Scalar, way: str) -> list[str]:
    return _fours(_characters(value, way, r"[0-9]+"))


def _order_number(value: Scalar, way: str) -> list[str]:
    """Letters and digits apart, each in fours; a hyphen or a space begins a new group."""
    text = _characters(value, way, r"[A-Za-z0-9]+(?:[ _/-][A-Za-z0-9]+)*").lower()
    return [group for run in re.findall(r"[a-z]+|[0-9]+", text) for group in _fours(run)]


def _phone(value: Scalar, way: str) -> list[str]:
    """A mobile number in 3-4-4, a 400 number in 3-3-4, a landline after its area code."""
    number = re.sub(r"[ ()-]", "", _characters(value, way, r"\+?[0-9 ()-]+"))
    if abroad := re.fullmatch(r"(?:\+|00)86(\d{7,})", number):  # our own country's code
        number = abroad[1]
        landline = not re.match(r"1[3-9]|[48]00|0", number)
        number = f"0{number}" if landline else number
    for shape in (r"(1\d\d)(\d{4})(\d{4})", r"([48]00)(\d{3})(\d{4})",
                  r"(010|02\d|0[3-9]\d\d)(\d{3,4})(\d{4})"):  # fmt: skip
        if found := re.fullmatch(shape, number):
            return list(found.groups())
    if not number.strip("+"):
        raise CannotSpeak(value, way, "there is no digit in it")
    return (["+"] if number.startswith("+") else []) + _fours(number.removeprefix("+"))


def _characters(value: Scalar, way: str, shape: str) -> str:
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise CannotSpeak(value, way, "it is neither text nor a whole number")
    if len(text) > LONGEST or not re.fullmatch(shape, text, re.ASCII):
        raise CannotSpeak(value, way, f"it holds other characters, or more than {LONGEST}")
    return text


def _fours(run: str) -> list[str]:
    """Groups of four, and none of one alone: 12345 is 123 45."""
    groups = [run[at : at + 4] for at in range(0, len(run), 4)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2][:3], groups[-2][3] + groups[-1]]
    return groups


_GROUPS: Mapping[str, Callable[[Scalar, str], list[str]]] = {
    "digits": _digits,
    "phone": _phone,
    "order_number": _order_number,
}

WAYS: Mapping[str, Callable[[Scalar, str], Any]] = {
    "number": _number,
    **_GROUPS,
    "money": _money,
    "date": _date,
    "weekday": _date,
    "time": _clock,
    "date_time": _datetime,
    "duration": _count,
    "minutes": _count,
    "hours": _count,
    "days": _count,
    "items": _count,
    "percent": _number,
    "discount": _paid,
}
"""The ways in which a value is said, and what makes of a value what that way wants."""

_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "number": "{:,}".format,
    "phone": " ".join,
    "money": lambda amount: f"{'-' if amount < 0 else ''}¥{abs(amount):,.2f}",
    "date": date.isoformat,
    "time": lambda clock: "{:02d}:{:02d}".format(*clock),
    "date_time": lambda moment: moment.strftime("%Y-%m-%d %H:%M"),
    "percent": "{:f}%".format,
}
"""What is written alike in every language; digits and order numbers stay as they are."""
