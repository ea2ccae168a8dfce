"""The only place that reads a clock.

Waits must not bend when the host's clock is stepped, and figures must still carry dates. So the
wall clock is read once, at the start, and from then on only the monotonic clock moves ``now``.
"""

import time


class Clock:
    """Unix time that never jumps: an anchor taken once, moved by the monotonic clock."""

    __slots__ = ("_anchor",)

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the Unix epoch, as the wall clock counted when this clock was made."""
        return self._anchor + time.monotonic()
