"""Weekly hours: borders, weekdays, midnight, the week's end, other time zones, bad files."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.hours import load_hours
from store.source import BadFile


@pytest.fixture
def hours(tmp_path):
    def load(days: str, zone: str = "Asia/Shanghai"):
        file = tmp_path / "hours.yaml"
        file.write_text(f"timezone: {zone}\nhours:\n  x: {{{days}}}\n", encoding="utf-8")
        return load_hours(file)

    return load


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> float:
    """A moment in Shanghai; 23 November 2026 is a Monday."""
    zone = ZoneInfo("Asia/Shanghai")
    return datetime(2026, 11, day, hour, minute, second, tzinfo=zone).timestamp()


def test_always(hours):
    loaded = hours('daily: ["00:00-24:00"]')
    assert all(loaded.is_open("x", at(day, hour, 59, 59)) for day in range(23, 30)
               for hour in (0, 12, 23))  # fmt: skip


@pytest.mark.parametrize(
    "moment, open_",
    [((23, 8, 59, 59), False), ((23, 9), True), ((23, 21, 59, 59), True), ((23, 22), False)],
)
def test_borders(hours, moment, open_):
    assert hours('daily: ["09:00-22:00"]').is_open("x", at(*moment)) is open_


def test_weekdays_and_lunch(hours):
    loaded = hours('mon-fri: ["09:00-12:00", "13:00-18:00"], sat: "10:00-12:00"')
    assert loaded.is_open("x", at(27, 9))
    assert not loaded.is_open("x", at(27, 12, 30))
    assert loaded.is_open("x", at(28, 11))
    assert not loaded.is_open("x", at(28, 13))
    assert not loaded.is_open("x", at(29, 11))


def test_over_midnight_and_over_the_week_end(hours):
    loaded = hours('sun: ["22:00-06:00"]')
    assert loaded.is_open("x", at(29, 23))
    assert loaded.is_open("x", at(30, 5, 59))
    assert not loaded.is_open("x", at(30, 6))
    assert not loaded.is_open("x", at(29, 5))


def test_a_range_of_days_over_the_week_end(hours):
    loaded = hours('sat-mon: ["09:00-10:00"]')
    assert [loaded.is_open("x", at(day, 9)) for day in range(23, 30)] == [
        True, False, False, False, False, True, True,
    ]  # fmt: skip


def test_closed_and_the_zone(hours):
    assert not hours("daily: []").is_open("x", at(23, 12))
    loaded = hours('daily: ["09:00-10:00"]', zone="Europe/Berlin")
    assert loaded.is_open("x", datetime(2026, 7, 1, 7, 30, tzinfo=UTC).timestamp())
    assert loaded.is_open("x", datetime(2026, 12, 1, 8, 30, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "days, said",
    [
        ('monday: ["09:00-10:00"]', "'monday' is no day"),
        ('daily: ["9-10"]', "'9-10' is no span"),
        ('daily: ["09:00-24:30"]', "no span"),
        ('daily: ["24:00-24:00"]', "no span"),
        ("daily: [0900]", "no span"),
    ],
)
def test_mistakes(hours, days, said):
    with pytest.raises(BadFile, match=said):
        hours(days)


@pytest.mark.parametrize("zone", ["Asia/Shangai", "../../etc/passwd", "''"])
def test_a_zone_that_does_not_exist(hours, zone):
    with pytest.raises(BadFile, match="no time zone"):
        hours("daily: []", zone=zone)


@pytest.mark.parametrize(
    "days, day",
    [
        ('mon: ["09:00-12:00", "11:00-18:00"]', "mon"),
        ('mon: ["09:00-12:00", "09:00-12:00"]', "mon"),
        ('mon-fri: ["09:00-18:00"]\n    wed: ["17:59-20:00"]', "wed"),
        ('mon: ["22:00-06:00"]\n    tue: ["05:00-12:00"]', "tue"),
        ('mon: ["05:00-12:00"]\n    sun: ["22:00-06:00"]', "mon"),
    ],
)
def test_overlapping_hours_are_refused(tmp_path: Path, days: str, day: str) -> None:
    text = f"timezone: Asia/Shanghai\nhours:\n  open:\n    {days}\n"
    (tmp_path / "hours.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_hours(tmp_path / "hours.yaml")
    (problem,) = bad.value.problems
    assert problem.line == text.rstrip().count("\n") + 1
    assert f"overlaps another on {day}" in problem.text
    assert "one span only" in problem.mend


@pytest.mark.parametrize(
    "days",
    [
        'mon: ["09:00-12:00", "12:00-18:00"]',
        'sun: ["22:00-06:00"]\n    mon: ["06:00-12:00"]',
        'daily: ["00:00-24:00"]',
    ],
)
def test_hours_that_only_touch_are_good(tmp_path: Path, days: str) -> None:
    text = f"timezone: Asia/Shanghai\nhours:\n  open:\n    {days}\n"
    (tmp_path / "hours.yaml").write_text(text, encoding="utf-8")
    load_hours(tmp_path / "hours.yaml")
