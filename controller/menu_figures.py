"""`huawu ivr graph` and `huawu report`: the menu drawn, and a day's callers in figures."""

import asyncio
import time
from collections.abc import Iterator, Sequence

from sqlalchemy.exc import SQLAlchemyError

from controller.menus import menu_rules
from controller.problems import ProblemError
from controller.settings import Settings
from dashboards.menu_traffic import day_span, traffic_between, traffic_view
from ivr.drawing import draw, text_width
from ivr.traffic import Traffic
from ivr.versions import FlowVersion, load_version
from store.database import open_database
from store.event_log import EventLog


def draw_menu(settings: Settings, flow: str, language: str, day: str) -> str:
    """The company's menu as SVG.

    Args:
        settings: say where the company is, and the log of events.
        flow: one flow; "" for all.
        language: ``zh-CN`` or ``en``.
        day: whose callers are put on the ways, ``2026-01-31`` or ``today``; "" for none.

    Raises:
        store.source.BadFile: the menu cannot be used.
        ProblemError: there is no such flow, or it is no day.
    """
    version = _version(settings)
    if flow and flow not in version.flows.by_name:
        raise ProblemError(
            f"there is no flow '{flow}'; flows are {', '.join(version.flows.by_name)}"
        )
    traffic = asyncio.run(_read(settings, *_span(version, day))) if day else None
    return draw(version.flows, flow=flow, language=language, traffic=traffic)


def report(settings: Settings, day: str, *, as_json: bool) -> str:
    """How a day's callers went through the menu, as tables or JSON. Raises as ``draw_menu``."""
    version = _version(settings)
    begin, end = _span(version, day)
    traffic = asyncio.run(_read(settings, begin, end))
    figures = traffic_view(traffic, version.flows.names, begin, end)
    if as_json:
        return figures.model_dump_json(indent=2)
    flows = [
        (one.flow, one.came, one.solved, one.person, one.dropped, _share(one.containment))
        for one in figures.flows
    ]
    nodes = [
        (
            one.node,
            one.callers,
            one.dropped,
            _share(one.drop_out),
            "  ".join(f"{key}:{count}" for key, count in sorted(one.keys.items())),
        )
        for one in sorted(figures.nodes, key=lambda one: -one.dropped)
    ]
    lines = [
        *_table(("flow 流程", "calls 来电", "solved 自助", "person 人工", "hung up 挂断",
                 "contained 自助率"), flows),
        "",
        *_table(("node 节点", "calls 来电", "hung up 挂断", "drop-out 流失率", "keys 按键"), nodes),
        "",
        f"{figures.inside} not over · 未结束",
    ]  # fmt: skip
    return "\n".join(lines)


def _version(settings: Settings) -> FlowVersion:
    return load_version(settings.company, recorded=False, rules=menu_rules(settings))


def _span(version: FlowVersion, day: str) -> tuple[float, float]:
    try:
        return day_span(day, version.hours.zone, time.time())
    except ValueError:
        raise ProblemError(f"'{day}' is no day; write 2026-01-31, or today") from None


async def _read(settings: Settings, begin: float, end: float) -> Traffic:
    database = open_database(settings.effective_database_url)
    try:
        return await traffic_between(EventLog(database), begin, end)
    except SQLAlchemyError as error:
        raise ProblemError("the log of events cannot be read: was `./huawu up` run?") from error
    finally:
        await database.close()


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Columns: the first to the left, figures to the right; Chinese characters count two."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(_columns, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell + gap if index == 0 else gap + cell
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            for gap in [" " * (width - _columns(cell))]
        ]
        yield "  " + "  ".join(padded).rstrip()


def _columns(text: str) -> int:
    return sum(2 if text_width(character) == 1.0 else 1 for character in text)
