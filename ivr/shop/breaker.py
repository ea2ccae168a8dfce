"""Leaves a shop alone for a while that does not answer. Pure: time is an argument.

The library purgatory (3.0) was run and is not used: while its circuit is half open, every waiting
request is let through at once (20 of 20) instead of one that tries; a caller who hangs up then
closes the circuit as if the shop had answered; it counts on the wall clock; and all requests that
it refuses raise one and the same exception object, whose traceback grows with each (6,000 entries
after 1,000 refusals).
"""


class Breaker:
    """Counts failures in a row; after so many of them only one request in a while may try.

    Times are seconds of a monotonic clock.
    """

    def __init__(self, *, failures: int = 5, rest: float = 15.0) -> None:
        self._limit = failures
        self._rest = rest
        self._failures = 0
        self._rests_until = 0.0
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Is the shop being left alone?"""
        return self._failures >= self._limit

    def may_ask(self, now: float) -> bool:
        """May this request go out? Whoever gets a True says how it ended."""
        if not self.is_open:
            return True
        if now < self._rests_until or self._trying:
            return False
        self._trying = True
        return True

    def answered(self) -> None:
        """The shop lives."""
        self._failures = 0
        self._trying = False

    def failed(self, now: float) -> None:
        """No answer, or nonsense."""
        self._failures += 1
        self._trying = False
        self._rests_until = now + self._rest

    def let_go(self) -> None:
        """The caller hung up before the shop could answer: that says nothing of the shop."""
        self._trying = False
