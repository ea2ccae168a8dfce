"""Which day is meant, and how callers went through the menus on it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.views import FlowTraffic, MenuTraffic, NodeTraffic, WayTraffic
from ivr.traffic import Calls, Traffic, count_traffic
from store.event_log import EventLog
from store.stream import parse_id

TODAY = "today"


def day_span(day: str, zone: ZoneInfo, now: float) -> tuple[float, float]:
    """Begin and end of a day (Unix seconds) where the company is.

    Args:
        day: ``2026-01-31`` or ``today``.
        zone: the company's.
        now: Unix seconds.

    Raises:
        ValueError: it is no day.
    """
    meant = datetime.fromtimestamp(now, zone).date() if day == TODAY else date.fromisoformat(day)
    begin, end = (
        datetime(at.year, at.month, at.day, tzinfo=zone).timestamp()
        for at in (meant, meant + timedelta(days=1))
    )
    return begin, end


async def traffic_between(log: EventLog, begin: float, end: float) -> Traffic:
    """The callers who went through the menus in a span of time (Unix seconds)."""
    entries = [
        *await log.of_kind("MenuStepTaken", begin, end),
        *await log.of_kind("MenuLeft", begin, end),
    ]
    entries.sort(key=lambda entry: parse_id(entry[0]))
    return count_traffic(event for _, event in entries)


def traffic_view(traffic: Traffic, flows: Sequence[str], begin: float, end: float) -> MenuTraffic:
    """The figures of a span of time as pages and programs get them.

    Args:
        traffic: what was counted.
        flows: names of those in use, the main one first; flows of the past come after them.
        begin: Unix seconds.
        end: Unix seconds.
    """
    main, *others = flows
    past = sorted(traffic.flows.keys() - {"", *others})
    return MenuTraffic(
        start=begin,
        end=end,
        inside=traffic.inside,
        flows=[
            FlowTraffic(
                flow=name or main,
                came=calls.came,
                solved=calls.solved,
                person=calls.person,
                dropped=calls.dropped,
                ended=calls.ended,
                containment=calls.containment,
            )
            for name in ("", *others, *past)
            for calls in [traffic.flows.get(name, Calls())]
        ],
        nodes=[
            NodeTraffic(
                node=name,
                arrivals=node.arrivals,
                callers=node.callers,
                dropped=node.ends.dropped,
                drop_out=node.drop_out,
                keys=dict(node.keys),
            )
            for name, node in sorted(traffic.nodes.items())
        ],
        ways=[
            WayTraffic(source=source, target=target, count=count)
            for (source, target), count in sorted(traffic.ways.items())
        ],
    )
