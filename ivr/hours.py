"""Opening hours: is a service open at this moment? Pure but for reading the file.

By the week, by China's holidays and make-up workdays, and by dated exceptions; the more special
one wins. Holidays come from the library chinesecalendar, which is renewed each year when the
State Council has announced them; for a year that it does not know the week holds.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import chinese_calendar

from store.source import BadFile, Problem, Source, Where, read_source

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60  # minutes
SOON = timedelta(days=45)
"""So long before its end the calendar of holidays is missed."""

Span: TypeAlias = tuple[int, int]
"""Minutes from midnight in which a service is open; the end may lie on the next day."""
Spans: TypeAlias = tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When one service is open; each day's spans begin on that day."""

    week: tuple[Spans, ...]
    """Monday to Sunday."""
    holidays: Spans | None = None
    """On holidays; None: as on any such day of the week."""
    workdays: Spans | None = None
    """On a Saturday or Sunday that is a workday to make up for a holiday."""
    exceptions: Mapping[date, Spans] = field(default_factory=dict)

    def on(self, day: date) -> Spans:
        """The spans that begin on this day."""
        if day in self.exceptions:
            return self.exceptions[day]
        special = None
        if self.holidays is not None or self.workdays is not None:
            if is_holiday(day):
                special = self.holidays
            elif is_makeup_workday(day):
                special = self.workdays
        return self.week[day.weekday()] if special is None else special


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Named hours in one time zone."""

    zone: ZoneInfo
    named: Mapping[str, Hours]
    source: Source = field(repr=False)

    def is_open(self, name: str, now: float) -> bool:
        """Whether the hours of this name include the moment `now` (seconds, Unix epoch).

        Raises KeyError for hours that do not exist.
        """
        local = datetime.fromtimestamp(now, self.zone)
        minute = local.hour * 60 + local.minute
        today, hours = local.date(), self.named[name]
        # Yesterday's night may last until this morning.
        return any(start <= minute < end for start, end in hours.on(today)) or any(
            start <= minute + DAY < end for start, end in hours.on(today - timedelta(days=1))
        )

    def warnings(self, today: date) -> list[Problem]:
        """Hours that ask for holidays of days, soon or now, which the calendar does not know."""
        if _known(today + SOON):
            return []
        return [
            self.source.problem(
                ("hours", name),
                f"the calendar does not know the holidays of {(today + SOON).year} yet; "
                f"then the week of {name} holds on them, too",
                "renew chinesecalendar (./huawu lock), or write the days under exceptions",
                warning=True,
            )
            for name, hours in self.named.items()
            if hours.holidays is not None or hours.workdays is not None
        ]


# ---- China's calendar ----


def is_holiday(day: date) -> bool:
    """Whether this is one of China's holidays, the days off around it included; no weekend is."""
    if not _known(day):
        return False
    free, name = chinese_calendar.get_holiday_detail(day)
    return bool(free) and name is not None  # an ordinary Saturday is free as well, but nameless


def is_makeup_workday(day: date) -> bool:
    """Whether this Saturday or Sunday is worked to make up for a holiday (调休)."""
    return _known(day) and day.weekday() >= 5 and bool(chinese_calendar.is_workday(day))


def _known(day: date) -> bool:
    try:
        chinese_calendar.is_workday(day)
    except NotImplementedError:
        return False
    return True


# ---- the file ----

_TIMES = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EXAMPLE = 'hours: {always: {daily: ["00:00-24:00"]}}'
_ONE_SPAN = "let each minute of a day be in one span only: join them or correct one"
_SPECIAL = ("extends", "holidays", "workdays", "exceptions")


def load_hours(file: Path) -> OpeningHours:
    """Read hours.yaml. Raises BadFile with every problem found."""
    source = read_source(file)
    data = source.data if isinstance(source.data, dict) else {}
    try:
        zone = ZoneInfo(str(data.get("timezone")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"there is no time zone {data.get('timezone')!r}"
        raise BadFile([source.problem(("timezone",), text, "timezone: Asia/Shanghai")]) from None
    entries = data.get("hours")
    if not isinstance(entries, dict) or not entries:
        raise BadFile([source.problem(("hours",), "there are no hours", _EXAMPLE)])
    reading = _Reading(source, entries)
    for name in entries:
        reading.hours(name)
    if reading.problems:
        raise BadFile(reading.problems)
    return OpeningHours(zone=zone, named=reading.read, source=source)


class _Reading:
    """The hours of one file while they are read; those that others extend come first."""

    def __init__(self, source: Source, entries: Mapping[str, object]) -> None:
        self.source = source
        self.entries = entries
        self.problems: list[Problem] = []
        self.read: dict[str, Hours] = {}
        self._begun: list[str] = []

    def complain(self, where: Where, text: str, mend: str) -> None:
        self.problems.append(self.source.problem(where, text, mend))

    def hours(self, name: str) -> Hours:
        """The hours of this name, read when first asked for."""
        if name not in self.read:
            self._begun.append(name)
            self.read[name] = self._hours(name)
        return self.read[name]

    def _hours(self, name: str) -> Hours:
        where: Where = ("hours", name)
        entry = self.entries[name]
        if not isinstance(entry, dict) or not entry:
            self.complain(where, f"the hours {name} have no days", _EXAMPLE)
            return Hours(week=((),) * 7)
        base = self._base(where, entry.get("extends"))
        own = self._week(where, {word: v for word, v in entry.items() if word not in _SPECIAL})
        week = tuple(own.get(day, base.week[day]) for day in range(7))
        return Hours(
            week=week,
            holidays=self._day((*where, "holidays"), entry.get("holidays"), week, base.holidays),
            workdays=self._day((*where, "workdays"), entry.get("workdays"), week, base.workdays),
            exceptions={**base.exceptions, **self._exceptions(where, entry, week)},
        )

    def _base(self, where: Where, extended: object) -> Hours:
        nothing = Hours(week=((),) * 7)
        if extended is None:
            return nothing
        name = str(extended)
        if name not in self.entries:
            known = ", ".join(self.entries)
            self.complain((*where, "extends"), f"there are no hours {name}", f"there are {known}")
            return nothing
        if name in self._begun and name not in self.read:
            self.complain((*where, "extends"), f"{name} extends itself", "end the circle")
            return nothing
        return self.hours(name)

    def _week(self, where: Where, words: Mapping[str, object]) -> dict[int, Spans]:
        """The spans of the days that are named; a day may be named by several words."""
        spans: dict[int, list[Span]] = {}
        for word, times in words.items():
            numbers = _days(word)
            if numbers is None:
                mend = (
                    f"days are {', '.join(DAYS)}, ranges like mon-fri, and daily; "
                    f"other words are {', '.join(_SPECIAL)}"
                )
                self.complain((*where, word), f"'{word}' is no day", mend)
            for place, span in self._spans((*where, word), times):
                new = [(day, span) for day in numbers or ()]
                self._overlap(place, new, spans)
                for day, _ in new:
                    spans.setdefault(day, []).append(span)
            for day in numbers or ():
                spans.setdefault(day, [])  # named and closed
        return {day: tuple(sorted(found)) for day, found in spans.items()}

    def _overlap(
        self, place: Where, new: list[tuple[int, Span]], before: Mapping[int, list[Span]]
    ) -> None:
        """A span that has minutes in common with an earlier one: somebody forgot that one."""
        for day, (start, end) in new:
            for shift in (-1, 0, 1):  # the last minutes of a night are the next day's
                for first, last in before.get((day + shift) % 7, ()):
                    if start < last + shift * DAY and first + shift * DAY < end:
                        named = DAYS[(day + max(start, first + shift * DAY) // DAY) % 7]
                        self.complain(place, f"overlaps another span on {named}", _ONE_SPAN)
                        return

    def _exceptions(
        self, where: Where, entry: Mapping[str, object], week: tuple[Spans, ...]
    ) -> dict[date, Spans]:
        dated = entry.get("exceptions", {})
        if not isinstance(dated, dict):
            mend = 'exceptions: {"2026-12-25": ["10:00-16:00"], "2026-02-17": closed}'
            self.complain((*where, "exceptions"), "exceptions are days with their times", mend)
            return {}
        found: dict[date, Spans] = {}
        for text, times in dated.items():
            place: Where = (*where, "exceptions", text)
            day = _date(text)
            if day is None:
                self.complain(place, f"'{text}' is no day", 'write it as "2026-12-25"')
            spans = self._day(place, times, week, ())
            if day is not None and spans is not None:
                found[day] = spans
        return found

    def _day(
        self, where: Where, times: object, week: tuple[Spans, ...], otherwise: Spans | None
    ) -> Spans | None:
        """The times of one special day: spans, ``closed``, or the day of the week it is like."""
        if times is None:
            return otherwise
        if times == "closed":
            return ()
        if times in DAYS:
            return week[DAYS.index(str(times))]
        spans: dict[int, list[Span]] = {}
        for place, span in self._spans(where, times):
            if any(span[0] < last and first < span[1] for first, last in spans.get(0, ())):
                self.complain(place, "overlaps another span", _ONE_SPAN)
            spans.setdefault(0, []).append(span)
        return tuple(sorted(spans.get(0, ())))

    def _spans(self, where: Where, times: object) -> Iterator[tuple[Where, Span]]:
        """Each span with its place in the file."""
        for index, text in enumerate(times if isinstance(times, list) else [times]):
            span = _span(text)
            if span is None:
                mend = 'write it as "09:00-22:00", in quotes'
                if where[-1] in _SPECIAL or where[-2] == "exceptions":
                    mend += f"; or closed, or a day that it is like: {', '.join(DAYS)}"
                self.complain((*where, index), f"'{text}' is no span of time", mend)
            else:
                yield (*where, index), span


def _days(word: str) -> list[int] | None:
    """The days that a word means, Monday being 0; None for a word that means none."""
    if word == "daily":
        return list(range(7))
    first, _, last = word.partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        return None
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _span(text: object) -> Span | None:
    """Minutes from midnight; an end at or before the start lies on the next day."""
    match = _TIMES.fullmatch(str(text))
    if not match:
        return None
    start, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if start >= DAY or end > DAY:
        return None
    return (start, end if end > start else end + DAY)
