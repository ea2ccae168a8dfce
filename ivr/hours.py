"""Weekly opening hours: is a service open at this moment? Pure but for reading the file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.source import BadFile, Problem, Source, Where, read_source

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60  # minutes

Span: TypeAlias = tuple[int, int]
"""Minutes from Monday 00:00 in which a service is open; the end may lie in the next week."""

_TIMES = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Named weekly hours in one time zone."""

    zone: ZoneInfo
    weeks: Mapping[str, tuple[Span, ...]]

    def is_open(self, name: str, now: float) -> bool:
        """Whether the hours of this name include the moment `now` (seconds, Unix epoch).

        Raises KeyError for hours that do not exist.
        """
        local = datetime.fromtimestamp(now, self.zone)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        # A span that runs over Sunday midnight is met a week later.
        return any(
            start <= moment < end
            for start, end in self.weeks[name]
            for moment in (minute, minute + WEEK)
        )


def load_hours(file: Path) -> OpeningHours:
    """Read hours.yaml. Raises BadFile with every problem found."""
    source = read_source(file)
    data = source.data if isinstance(source.data, dict) else {}
    problems: list[Problem] = []
    try:
        zone = ZoneInfo(str(data.get("timezone")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"there is no time zone {data.get('timezone')!r}"
        raise BadFile([source.problem(("timezone",), text, "timezone: Asia/Shanghai")]) from None
    named = data.get("hours")
    if not isinstance(named, dict) or not named:
        raise BadFile([source.problem(("hours",), "there are no hours", _EXAMPLE)])
    weeks = {name: _week(source, name, days, problems) for name, days in named.items()}
    if problems:
        raise BadFile(problems)
    return OpeningHours(zone=zone, weeks=weeks)


_EXAMPLE = 'hours: {always: {daily: ["00:00-24:00"]}}'


def _week(source: Source, name: str, days: object, problems: list[Problem]) -> tuple[Span, ...]:
    where: Where = ("hours", name)
    if not isinstance(days, dict):
        problems.append(source.problem(where, f"the hours {name} have no days", _EXAMPLE))
        return ()
    spans: list[Span] = []
    for word, times in days.items():
        numbers = _days(word)
        if numbers is None:
            mend = f"days are {', '.join(DAYS)}, ranges like mon-fri, and daily"
            problems.append(source.problem((*where, word), f"'{word}' is no day", mend))
        for index, text in enumerate(times if isinstance(times, list) else [times]):
            span = _span(text)
            if span is None:
                problems.append(
                    source.problem(
                        (*where, word, index),
                        f"'{text}' is no span of time",
                        'write it as "09:00-22:00", in quotes',
                    )
                )
            else:
                new = [(day * 1440 + span[0], day * 1440 + span[1]) for day in numbers or ()]
                problems += _overlap(source, (*where, word, index), str(text), new, spans)
                spans += new
    return tuple(sorted(spans))


def _overlap(
    source: Source, where: Where, text: str, new: list[Span], before: list[Span]
) -> list[Problem]:
    """One problem when a span has minutes in common with an earlier one: somebody forgot that one.

    The last minutes of Sunday's night are Monday's, so each span is also met a week later.
    """
    for start, end in new:
        for first, last in before:
            for shift in (-WEEK, 0, WEEK):
                if start < last + shift and first + shift < end:
                    day = DAYS[max(start, first + shift) // 1440 % 7]
                    mend = "let each minute of a day be in one span only: join them or correct one"
                    return [source.problem(where, f"'{text}' overlaps another on {day}", mend)]
    return []


def _days(word: str) -> list[int] | None:
    """The days that a word means, Monday being 0; None for a word that means none."""
    if word == "daily":
        return list(range(7))
    first, _, last = word.partition("-")
    if first not in DAYS or (last or first) not in DAYS:
        return None
    start, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]


def _span(text: object) -> Span | None:
    """Minutes from midnight; an end at or before the start lies on the next day."""
    match = _TIMES.fullmatch(str(text))
    if not match:
        return None
    start, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    if start >= 1440 or end > 1440:
        return None
    return (start, end if end > start else end + 1440)
