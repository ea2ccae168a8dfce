"""Prometheus metrics: the board's figures at the moment they are asked for.

Names as monitoring people expect them: base units, ``_total`` for what only counts up (here: since
midnight), no numbers of callers and no contact ids.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboards.board import Board
from telephony.events import QueueEnd


class _BoardCollector(Collector):
    def __init__(self, board: Board, now: float) -> None:
        self._board = board
        self._now = now

    def collect(self) -> Iterable[Metric]:
        """All families, computed now."""
        calls = CounterMetricFamily(
            "huawu_calls", "Queue entries that ended today, by how", labels=["queue", "outcome"]
        )
        waiting = GaugeMetricFamily("huawu_queue_waiting", "Callers waiting", labels=["queue"])
        longest = GaugeMetricFamily(
            "huawu_queue_longest_wait_seconds", "Wait of the first in line", labels=["queue"]
        )
        level = GaugeMetricFamily(
            "huawu_service_level_ratio", "Answered within the threshold today", labels=["queue"]
        )
        answer = GaugeMetricFamily(
            "huawu_speed_of_answer_seconds", "Mean wait of who was answered today", labels=["queue"]
        )
        unanswered = CounterMetricFamily(
            "huawu_offers_unanswered", "Offers that rang out today", labels=["queue"]
        )
        for line in self._board.queues(self._now):
            for end in QueueEnd:
                calls.add_metric([line.id, end.value], getattr(line, end.value))
            waiting.add_metric([line.id], line.waiting)
            longest.add_metric([line.id], self._now - line.oldest if line.oldest else 0.0)
            unanswered.add_metric([line.id], line.rona)
            if line.service_level is not None:
                level.add_metric([line.id], line.service_level)
            if line.asa is not None:
                answer.add_metric([line.id], line.asa)
        totals = self._board.totals(self._now)
        agents = GaugeMetricFamily("huawu_agents", "Agents by state", labels=["state"])
        for state, count in totals.agents.items():
            agents.add_metric([state], count)
        menu = GaugeMetricFamily("huawu_in_menu", "Callers in the menus", totals.in_menu)
        imbalance = GaugeMetricFamily(
            "huawu_figures_imbalance",
            "Queue entries that do not add up",
            self._board.figures.imbalance,
        )
        yield from (calls, waiting, longest, level, answer, unanswered, agents, menu, imbalance)


class _OtherCollector(Collector):
    def __init__(
        self, counters: Mapping[str, float], counts: Mapping[str, Mapping[str, float]]
    ) -> None:
        self._counters = counters
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """One family for each figure of another room, and for each of its counts by kind."""
        for name, value in sorted(self._counters.items()):
            if name.endswith("_total"):
                yield CounterMetricFamily(name.removesuffix("_total"), name, value)
            else:
                yield GaugeMetricFamily(name, name, value)
        for name, kinds in sorted(self._counts.items()):
            family = CounterMetricFamily(name.removesuffix("_total"), name, labels=["kind"])
            for kind, value in sorted(kinds.items()):
                family.add_metric([kind], value)
            yield family


def render(
    board: Board,
    counters: Mapping[str, float],
    counts: Mapping[str, Mapping[str, float]],
    now: float,
) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_BoardCollector(board, now))
    registry.register(_OtherCollector(counters, counts))
    return bytes(generate_latest(registry))
