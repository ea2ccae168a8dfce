"""What is natural in spoken Chinese: the parts of numbers, amounts, days and times. Pure.

两 or 二: 两 before 千, 万, 亿 and before what is counted (两元, 两点, 两件), as everybody says it;
二 as the last digit (一百零二) and before 十 and 百: 二百 is never wrong, 两百 is not said within
a number (一千二百), and one way for both needs one recording.
零 stands once for any run of empty places within a number (一千零五十), 十 inside one is 一十
(一百一十五). Digits of order numbers and telephone numbers say 幺 for 1, since 一 and 七 are easily
mistaken for each other on the telephone; a year and decimals say 一.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal

LIANG = "liang"


def _whole(number: int) -> list[str]:
    """A number from 0 to 10^12 − 1."""
    if number == 0:
        return ["n0"]
    parts: list[str] = []
    empty = False  # places without a digit since the last one that had one
    for unit, name in ((10**8, "yi"), (10**4, "wan"), (1, "")):
        section = number // unit % 10_000
        if section == 0:
            empty = bool(parts)
            continue
        if parts and (empty or section < 1000):
            parts.append("n0")
        empty = False
        lone_two = section == 2 and bool(name)
        parts += [LIANG] if lone_two else _section(section, inside=bool(parts))
        parts += [name] if name else []
    return parts


def _section(number: int, *, inside: bool) -> list[str]:
    """1 to 9,999; `inside` a longer number."""
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    parts = [f"thousand_{thousands}"] if thousands else []
    if hundreds:
        parts.append(f"hundred_{hundreds}")
    if rest:
        gap = (thousands and not hundreds) or (hundreds and rest < 10)
        parts += ["n0"] if gap else []
        ten_inside = 10 <= rest <= 19 and (inside or parts)
        parts.append(f"inner_{rest}" if ten_inside else f"n{rest}")
    return parts


def _counted(number: int) -> list[str]:
    """A number before what is counted."""
    return [LIANG] if number == 2 else _whole(number)


def characters(group: str) -> list[str]:
    """One group of an order or telephone number: digits two by two, 幺三 八."""
    if not group.isdigit():
        return ["plus"] if group == "+" else [f"letter_{letter}" for letter in group]
    pairs = [group[at : at + 2] for at in range(0, len(group), 2)]
    return [f"digits_{pair}" if len(pair) == 2 else f"digit_{pair}" for pair in pairs]


def number(value: Decimal) -> list[str]:
    """负三点一四."""
    whole, _, decimals = f"{abs(value):f}".partition(".")
    parts = ["minus"] if value < 0 else []
    parts += _whole(int(whole))
    return parts + (["point", *(f"n{digit}" for digit in decimals)] if decimals else [])


def money(amount: Decimal) -> list[str]:
    """一百二十八元五角, 一元零五分."""
    yuan, cents = divmod(int(abs(amount) * 100), 100)
    jiao, fen = divmod(cents, 10)
    parts = ["minus"] if amount < 0 else []
    if yuan or not cents:
        parts += [*_counted(yuan), "yuan"]
    if jiao:
        parts.append(f"jiao_{jiao}")
    if fen:
        parts += ["n0"] if yuan and not jiao else []
        parts.append(f"fen_{fen}")
    return parts


_NEAR = {0: "today", 1: "tomorrow", 2: "day_after", -1: "yesterday", -2: "day_before"}


def date_(day: date, today: date | None) -> list[str]:
    """二零二六年十一月二十六日, 明天."""
    if today and (near := _NEAR.get((day - today).days)):
        return [near]
    parts = [] if today and today.year == day.year else _year(day.year)
    return [*parts, f"month_{day.month}", f"day_{day.day}"]


YEARS_RECORDED = range(2015, 2041)
"""Years that are one part; any other is said digit by digit."""


def _year(year: int) -> list[str]:
    if year in YEARS_RECORDED:
        return [f"year_{year}"]
    return [*(f"n{digit}" for digit in str(year)), "year"]


def weekday(day: date) -> list[str]:
    """星期四."""
    return [f"weekday_{day.isoweekday()}"]


_PERIODS = ((0, "small_hours"), (6, "morning"), (12, "noon"), (13, "afternoon"), (18, "evening"))


def time_(hour: int, minute: int) -> list[str]:
    """下午三点半, 中午十二点零五分."""
    period = [name for begin, name in _PERIODS if hour >= begin][-1]
    parts = [period, f"hour_{hour if hour <= 12 else hour - 12}"]
    if minute == 30:
        parts.append("half")
    elif minute:
        parts += [f"n{minute}", "past"] if minute >= 10 else [f"past_{minute}"]
    return parts


def duration(seconds: int) -> list[str]:
    """一小时二十分钟; without seconds from an hour on."""
    whole, rest = divmod(seconds, 60)
    spans = [(whole // 60, "hour"), (whole % 60, "minute"), (0 if whole >= 60 else rest, "second")]
    parts = [part for count, name in spans if count for part in (*_counted(count), name)]
    return parts or ["n0", "second"]


def _of(measure: str) -> Callable[[int], list[str]]:
    return lambda count: [*_counted(count), measure]


minutes, hours, days, items = _of("minute"), _of("hour"), _of("day"), _of("item")


def percent(value: Decimal) -> list[str]:
    """百分之二十."""
    return ["percent", *number(value)]


def _fold(paid: int) -> Iterable[int]:
    """八折, 八五折: the digits that are said."""
    tens, ones = divmod(paid, 10)
    return (tens, ones) if ones else (tens,)


def discount(paid: int) -> list[str]:
    """八五折 for 85 % to be paid."""
    if paid < 10:
        return ["n0", "point", f"n{paid}", "fold"]
    return [*(f"n{digit}" for digit in _fold(paid)), "fold"]


_WEEKDAYS = "一二三四五六日"


def _span(seconds: int) -> str:
    whole, rest = divmod(seconds, 60)
    spans = [(whole // 60, "小时"), (whole % 60, "分钟"), (0 if whole >= 60 else rest, "秒")]
    return " ".join(f"{count} {name}" for count, name in spans if count) or "0 秒"


WRITTEN: Mapping[str, Callable[..., str]] = {
    "weekday": lambda day: f"星期{_WEEKDAYS[day.weekday()]}",
    "duration": _span,
    "minutes": "{} 分钟".format,
    "hours": "{} 小时".format,
    "days": "{} 天".format,
    "items": "{} 件".format,
    "discount": lambda paid: f"{paid / 10:g} 折",
}
"""How values are written that look different in another language."""
