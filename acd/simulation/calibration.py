"""Is what waiting callers are told true? The told waits beside those that came.

Who gives up, or chooses to be called back, leaves unknown how long they would have waited, and it
is the long waits that are cut short so: among those who were answered the short ones are too many.
Each answered wait of t seconds therefore counts 1 / G(t) times, where G(t) is the share who would
not yet have given up by then, by the product-limit estimator (E. L. Kaplan, P. Meier, Journal of
the American Statistical Association 53, 1958; weights: J. M. Robins, D. M. Finkelstein, Biometrics
56, 2000). It is right as far as patience has nothing to do with how long the wait would have been.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from acd.simulation.outcome import Watch
from telephony.events import QueueEnd

#: Borders of the table's rows: seconds that were told.
BORDERS = (0, 30, 60, 120, 300, math.inf)
#: An estimate is near when it misses by at most this share of the true wait ...
NEAR = 0.3
#: ... or by so many seconds: nobody minds being told 8 s and waiting 12.
NEAR_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement: seconds told, seconds that the wait went on, whether until an answer."""

    seconds: float
    lasted: float
    answered: bool = True

    @property
    def miss(self) -> float:
        """Seconds between what was told and what came."""
        return abs(self.seconds - self.lasted)

    @property
    def is_near(self) -> bool:
        """Within ``NEAR`` of what came, or within ``NEAR_SECONDS``."""
        return self.miss <= max(NEAR * self.lasted, NEAR_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One row: announcements in which between ``low`` and ``high`` seconds were told."""

    low: float
    high: float
    count: int  # of announcements
    answered: int  # of them
    told: float  # median, seconds
    came: float  # median, seconds
    error: float  # median of |told - came|, seconds
    near: float  # share within 30 % of what came, or within 10 s


def told_waits(watch: Watch) -> list[Told]:
    """Every announcement of one run whose caller's wait came to an end."""
    ended: dict[str, tuple[float, bool]] = {}
    for entry in watch.entries:  # the last entry of a contact that was moved on is what counts
        if entry.end is not None:
            ended[entry.contact] = entry.at + entry.waited, entry.end is QueueEnd.ANSWERED
    return [
        Told(told, ended[contact][0] - at, ended[contact][1])
        for contact, at, told in watch.told
        if contact in ended and ended[contact][0] >= at
    ]


def calibration(found: Sequence[Told]) -> list[Calibration]:
    """The table's rows, and last the one of all announcements; nothing when nobody was answered."""
    rows = []
    for low, high in (*pairwise(BORDERS), (0.0, math.inf)):
        inside = [told for told in found if low <= told.seconds < high]
        if any(told.answered for told in inside):
            rows.append(_row(low, high, inside))
    return rows


def _row(low: float, high: float, found: Sequence[Told]) -> Calibration:
    weighed = _weighed(found)
    near = sum(weight for told, weight in weighed if told.is_near)
    return Calibration(
        low=low,
        high=high,
        count=len(found),
        answered=len(weighed),
        told=_median((told.seconds, weight) for told, weight in weighed),
        came=_median((told.lasted, weight) for told, weight in weighed),
        error=_median((told.miss, weight) for told, weight in weighed),
        near=near / sum(weight for _, weight in weighed),
    )


def _weighed(found: Sequence[Told]) -> list[tuple[Told, float]]:
    """The answered ones with their weights."""
    weighed = []
    staying = 1.0  # G
    for number, told in enumerate(sorted(found, key=lambda told: (told.lasted, not told.answered))):
        if told.answered:
            weighed.append((told, 1 / staying))
        elif at_risk := len(found) - number - 1:
            staying *= at_risk / (at_risk + 1)
    return weighed


def _median(weighed: Iterable[tuple[float, float]]) -> float:
    """The value with half of the weight on each side; between two values their middle."""
    values = sorted(weighed)
    half = sum(weight for _, weight in values) / 2
    passed = 0.0
    for number, (value, weight) in enumerate(values):
        passed += weight
        if math.isclose(passed, half):
            return (value + values[number + 1][0]) / 2
        if passed > half:
            return value
    raise ValueError("the median of nothing")
