"""Who served which caller last: the memory behind the sticky agent. Pure."""

from collections.abc import Iterable

#: Callers that are remembered at most; beyond it those of longest ago are forgotten.
MOST_CALLERS = 200_000
DAY = 86400.0


class Served:
    """The last agent of each caller, with the time. Callers without a number are not kept."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, float]] = {}  # in the order of the times

    def __len__(self) -> int:
        return len(self._last)

    def note(self, caller: str, agent: str, at: float) -> None:
        """An agent has answered this caller. An older answer than the known one is ignored."""
        if not caller or self._last.get(caller, ("", at))[1] > at:
            return
        self._last.pop(caller, None)
        self._last[caller] = (agent, at)
        if len(self._last) > MOST_CALLERS:
            del self._last[next(iter(self._last))]

    def extend(self, answers: Iterable[tuple[str, str, float]]) -> None:
        """Note (caller, agent, Unix seconds) of many answers, the oldest first."""
        for caller, agent, at in answers:
            self.note(caller, agent, at)

    def last_agent(self, caller: str, days: float, now: float) -> str:
        """The agent who last served this caller within ``days``; "" when there is none."""
        agent, at = self._last.get(caller, ("", 0.0))
        return agent if agent and now - at <= days * DAY else ""
