"""Simulated days as a table for people and as JSON for programs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from acd.simulation.calibration import Calibration, calibration
from acd.simulation.days import Day
from acd.simulation.intervals import Interval, of_means
from acd.simulation.outcome import ALL, FIGURES, across
from telephony.events import QueueEnd

CONFIDENCE = 0.95
METHOD = (
    "95 % confidence intervals by the method of replications: independent days, Student's t on "
    "the days' means (Law, Simulation Modeling and Analysis, 5th ed., ch. 9)"
)
_HEADS = {
    "offered": "offered",
    "service_level": "service level",
    "asa": "ASA s",
    "p90": "90 % within s",
    "longest": "longest s",
    "abandonment": "abandoned",
}
_SHARES = {"service_level", "abandonment"}


def as_plain(days: Sequence[Day], seed: int) -> dict[str, Any]:
    """Everything, JSON-ready; ``None`` where there is nothing to divide by."""
    rows = across([day.outcome for day in days], CONFIDENCE)
    return {
        "method": METHOD,
        "days": len(days),
        "seed": seed,
        "queues": {
            name: {figure: _pair(interval) for figure, interval in figures.items()}
            | {"ends": _ends(days, name)}
            for name, figures in rows.items()
        },
        "occupancy": _pair(of_means([day.outcome.occupancy for day in days], CONFIDENCE)),
        "estimates": [_calibration(row) for row in _calibrated(days)],
        "speed": speed(days),
    }


def as_text(days: Sequence[Day], names: Mapping[str, str]) -> str:
    """The table; ``names`` are the queues' names as people know them."""
    rows = across([day.outcome for day in days], CONFIDENCE)
    lines = [_line("queue", [_HEADS[figure] for figure in FIGURES])]
    for name, figures in rows.items():
        if name == ALL or any(day.outcome.queues[name].offered for day in days):
            cells = [_cell(figures[figure], figure in _SHARES) for figure in FIGURES]
            lines.append(_line(names.get(name, name), cells))
    occupancy = of_means([day.outcome.occupancy for day in days], CONFIDENCE)
    lines += ["", f"occupancy {_cell(occupancy, True)}", METHOD]
    if table := _calibrated(days):
        lines += ["", *calibration_lines(table)]
    rate = speed(days)
    lines += [
        "",
        f"{rate['hours']:.0f} simulated hours in {rate['seconds']:.1f} CPU seconds: "
        f"{rate['hours_per_second']:.1f} hours per second, "
        f"{rate['events_per_second']:.0f} events per second",
    ]
    return "\n".join(lines)


def speed(days: Sequence[Day]) -> dict[str, float]:
    """How fast the twin ran."""
    hours, seconds = (sum(getattr(day, key) for day in days) for key in ("hours", "seconds"))
    events = sum(day.events for day in days)
    return {
        "hours": hours,
        "seconds": round(seconds, 3),
        "hours_per_second": round(hours / seconds, 3),
        "events_per_second": round(events / seconds, 1),
    }


def calibration_lines(table: Sequence[Calibration]) -> list[str]:
    """The told waits beside those that came."""
    heads = ["announcements", "answered", "told s", "came s", "median miss s", "near"]
    lines = [_line("told wait", heads)]
    for row in table:
        high = "" if math.isinf(row.high) else f"{row.high:g}"
        name = "all" if not row.low and not high else f"{row.low:g}-{high} s"
        cells = [
            str(row.count),
            str(row.answered),
            f"{row.told:.0f}",
            f"{row.came:.0f}",
            f"{row.error:.1f}",
        ]
        lines.append(_line(name, [*cells, f"{100 * row.near:.0f} %"]))
    return [
        *lines,
        "near: within 30 % of the wait that came, or within 10 s of it",
        "medians and shares allow for those who gave up before they were answered",
    ]


def _calibrated(days: Sequence[Day]) -> list[Calibration]:
    return calibration([told for day in days for told in day.told])


def _line(name: str, cells: Sequence[str]) -> str:
    # Chinese characters are two columns wide in a terminal.
    width = sum(2 if ord(char) > 0x2E7F else 1 for char in name)
    return name + " " * max(1, 30 - width) + "".join(f"{cell:>20}" for cell in cells)


def _cell(interval: Interval, is_share: bool) -> str:
    if math.isnan(interval.mean):
        return "-"
    scale, unit, places = (100, " %", 1) if is_share else (1, "", 1)
    half = "" if math.isnan(interval.half) else f" ±{scale * interval.half:.{places}f}"
    return f"{scale * interval.mean:.{places}f}{half}{unit}"


def _pair(interval: Interval) -> dict[str, float | None]:
    return {
        key: None if math.isnan(value) else round(value, 4)
        for key, value in (("mean", interval.mean), ("half", interval.half))
    }


def _ends(days: Sequence[Day], name: str) -> dict[str, int]:
    return {
        end.value: sum(day.outcome.queues[name].ends.get(end, 0) for day in days)
        for end in QueueEnd
    }


def _calibration(row: Calibration) -> dict[str, float | None]:
    return {
        "low": row.low,
        "high": None if math.isinf(row.high) else row.high,
        "count": row.count,
        "told": round(row.told, 1),
        "came": round(row.came, 1),
        "error": round(row.error, 1),
        "near": round(row.near, 4),
    }
