"""Is what waiting callers are told true? The told waits beside those that came.

Only callers who were answered count: how long the others would have waited is not known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from acd.simulation.outcome import Watch
from telephony.events import QueueEnd

#: Borders of the table's rows: seconds that were told.
BORDERS = (0, 30, 60, 120, 300, math.inf)
#: An estimate is near when it misses by at most this share of the true wait ...
NEAR = 0.3
#: ... or by so many seconds: nobody minds being told 8 s and waiting 12.
NEAR_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One row: announcements in which between ``low`` and ``high`` seconds were told."""

    low: float
    high: float
    count: int
    told: float  # median, seconds
    came: float  # median, seconds
    error: float  # median of |told - came|, seconds
    near: float  # share within 30 % of what came, or within 10 s


def pairs(watch: Watch) -> list[tuple[float, float]]:
    """(seconds told, seconds that were really left) of one run, for answered callers."""
    answered = {
        entry.contact: entry.at + entry.waited
        for entry in watch.entries
        if entry.end is QueueEnd.ANSWERED
    }
    return [
        (told, answered[contact] - at)
        for contact, at, told in watch.told
        if contact in answered and answered[contact] >= at
    ]


def calibration(found: Sequence[tuple[float, float]]) -> list[Calibration]:
    """The table's rows, and last the one of all announcements; nothing when nobody was told."""
    if not found:
        return []
    spans = [*pairwise(BORDERS), (0.0, math.inf)]
    return [
        _row(low, high, inside)
        for low, high in spans
        if (inside := [pair for pair in found if low <= pair[0] < high])
    ]


def _row(low: float, high: float, found: Sequence[tuple[float, float]]) -> Calibration:
    near = sum(abs(told - came) <= max(NEAR * came, NEAR_SECONDS) for told, came in found)
    return Calibration(
        low=low,
        high=high,
        count=len(found),
        told=median(told for told, _ in found),
        came=median(came for _, came in found),
        error=median(abs(told - came) for told, came in found),
        near=near / len(found),
    )
