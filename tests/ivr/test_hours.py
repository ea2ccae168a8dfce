"""Hours: by the week over midnight and its end, China's holidays, exceptions, bad files."""

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.hours import is_holiday, is_makeup_workday, load_hours
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
    assert f"overlaps another span on {day}" in problem.text
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


# ---- China's calendar; the days are those that the State Council announced ----


def open_on(loaded, day: str, hour: int, name: str = "x") -> bool:
    """Whether it is open at a full hour in Shanghai; 24 is the midnight at the end of the day."""
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    return loaded.is_open(name, midnight.timestamp() + hour * 3600)


def test_holidays_and_makeup_workdays_are_known():
    holidays = ["2025-10-01", "2025-10-08", "2026-02-15", "2026-02-23", "2026-10-07"]
    assert all(is_holiday(date.fromisoformat(day)) for day in holidays)
    ordinary = ["2025-10-09", "2025-10-18", "2026-02-24", "2026-02-28", "2027-10-01"]
    assert not any(is_holiday(date.fromisoformat(day)) for day in ordinary)
    worked = ["2025-01-26", "2025-02-08", "2025-09-28", "2025-10-11", "2026-02-14", "2026-02-28"]
    assert all(is_makeup_workday(date.fromisoformat(day)) for day in worked)
    free = ["2025-10-12", "2026-02-27", "2026-03-01", "2027-02-14"]
    assert not any(is_makeup_workday(date.fromisoformat(day)) for day in free)


OFFICE = 'mon-fri: ["09:00-18:00"], holidays: closed, workdays: mon'


@pytest.mark.parametrize(
    "day, open_",
    [
        ("2025-09-30", True),  # Tuesday before National Day
        ("2025-10-01", False),  # Wednesday, National Day
        ("2025-10-08", False),  # its last day, a Wednesday
        ("2025-10-09", True),
        ("2025-09-28", True),  # Sunday, worked for National Day
        ("2025-10-11", True),  # Saturday, worked for National Day
        ("2025-10-12", False),  # an ordinary Sunday
        ("2025-01-26", True),  # Sunday, worked for Spring Festival
        ("2025-01-28", False),  # New Year's Eve
        ("2025-02-08", True),  # Saturday, worked for Spring Festival
        ("2026-02-14", True),  # Saturday, worked for Spring Festival
        ("2026-02-16", False),  # Monday, New Year's Eve
        ("2026-02-23", False),  # Monday, its last day
        ("2026-02-24", True),
        ("2026-02-28", True),  # Saturday, worked for Spring Festival
        ("2026-03-07", False),  # an ordinary Saturday
    ],
)
def test_an_office_by_chinas_calendar(hours, day, open_):
    assert open_on(hours(OFFICE), day, 10) is open_


def test_without_a_word_of_holidays_the_week_holds(hours):
    loaded = hours('mon-fri: ["09:00-18:00"]')
    assert open_on(loaded, "2025-10-01", 10)
    assert not open_on(loaded, "2025-10-11", 10)


def test_a_service_may_be_open_longer_or_shorter_on_holidays(hours):
    loaded = hours('daily: ["09:00-22:00"], holidays: ["10:00-16:00"], workdays: ["08:00-23:00"]')
    assert [open_on(loaded, "2026-10-01", hour) for hour in (9, 10, 15, 16)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert [open_on(loaded, "2026-10-10", hour) for hour in (8, 22, 23)] == [True, True, False]
    assert [open_on(loaded, "2026-10-17", hour) for hour in (8, 9, 22)] == [False, True, False]


def test_a_night_that_began_before_a_holiday_lasts_until_morning(hours):
    loaded = hours('daily: ["20:00-04:00"], holidays: closed')
    assert open_on(loaded, "2026-09-30", 21)
    assert open_on(loaded, "2026-10-01", 3)  # of the 30th
    assert not open_on(loaded, "2026-10-01", 21)
    assert not open_on(loaded, "2026-10-08", 3)  # the 7th did not begin
    assert open_on(loaded, "2026-10-08", 21)


def test_an_exception_wins_over_the_holiday(hours):
    loaded = hours(
        'mon-fri: ["09:00-18:00"], holidays: closed, workdays: mon, '
        'exceptions: {2026-10-01: ["10:00-12:00"], "2026-10-10": closed, "2026-12-25": [], '
        '"2026-12-26": fri}'
    )
    assert [open_on(loaded, "2026-10-01", hour) for hour in (9, 11, 12)] == [False, True, False]
    assert not open_on(loaded, "2026-10-02", 11)
    assert not open_on(loaded, "2026-10-10", 11)
    assert not open_on(loaded, "2026-12-25", 11)
    assert open_on(loaded, "2026-12-26", 11)


def test_in_a_year_that_the_calendar_does_not_know_the_week_holds_and_a_warning_says_so(hours):
    loaded = hours(OFFICE)
    assert open_on(loaded, "2099-10-01", 10)  # a Thursday
    assert loaded.warnings(date(2026, 3, 1)) == []
    (warning,) = loaded.warnings(date(2099, 12, 1))
    assert warning.warning
    assert (warning.file.name, warning.line) == ("hours.yaml", 3)
    assert "2100" in warning.text
    assert "chinesecalendar" in warning.mend
    assert hours('daily: ["00:00-24:00"]').warnings(date(2099, 12, 1)) == []


def test_hours_that_extend_others(tmp_path):
    (tmp_path / "hours.yaml").write_text(
        """
timezone: Asia/Shanghai
hours:
  vip:
    extends: office
    sat: ["10:00-12:00"]
    exceptions: {"2026-10-02": ["10:00-12:00"]}
  night: {extends: vip, mon: []}
  office:
    mon-fri: ["09:00-18:00"]
    holidays: closed
    exceptions: {"2026-10-01": ["09:00-10:00"]}
""",
        encoding="utf-8",
    )
    loaded = load_hours(tmp_path / "hours.yaml")
    assert open_on(loaded, "2026-11-28", 11, "vip")  # a Saturday
    assert not open_on(loaded, "2026-11-28", 11, "office")
    assert open_on(loaded, "2026-11-27", 17, "vip")
    assert open_on(loaded, "2026-10-01", 9, "vip")
    assert open_on(loaded, "2026-10-02", 11, "vip")
    assert not open_on(loaded, "2026-10-05", 11, "vip")
    assert not open_on(loaded, "2026-11-30", 11, "night")
    assert open_on(loaded, "2026-12-01", 11, "night")


@pytest.mark.parametrize(
    "line, said, mend",
    [
        ("    holidays: sometimes", "'sometimes' is no span of time", "or closed, or a day"),
        ('    workdays: ["9-10"]', "'9-10' is no span of time", "09:00-22:00"),
        ('    exceptions: {"2026-02-30": closed}', "'2026-02-30' is no day", "2026-12-25"),
        ('    exceptions: {"25.12.": closed}', "'25.12.' is no day", "2026-12-25"),
        ('    exceptions: {"2026-12-25": open}', "'open' is no span of time", "or closed"),
        ('    exceptions: ["2026-12-25"]', "exceptions are days with their times", "exceptions: {"),
        ('    holidays: ["09:00-12:00", "11:00-13:00"]', "overlaps another span", "one span only"),
        ("    extends: office", "there are no hours office", "there are open"),
        ("    extends: open", "open extends itself", "circle"),
        ("    holyday: closed", "'holyday' is no day", "other words are extends, holidays"),
    ],
)
def test_mistakes_of_special_days(tmp_path: Path, line: str, said: str, mend: str) -> None:
    text = f'timezone: Asia/Shanghai\nhours:\n  open:\n    daily: ["09:00-10:00"]\n{line}\n'
    (tmp_path / "hours.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFile) as bad:
        load_hours(tmp_path / "hours.yaml")
    problem = bad.value.problems[0]
    assert problem.line == 5
    assert said in problem.text
    assert mend in problem.mend
