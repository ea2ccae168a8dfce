"""The menus as a picture, and how callers went through them, for supervisors."""

from typing import Literal
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import Field

from dashboards.menu_traffic import TODAY, day_span, traffic_between, traffic_view
from dashboards.problems import Refusal, not_found
from dashboards.routes import SUPERVISORS, Answer, Call, Route
from dashboards.views import MenuTraffic, View
from ivr.drawing import draw


class TrafficQuery(View):
    """Which day's callers."""

    day: str = Field(default=TODAY, max_length=10, description="2026-01-31, or today")


class GraphQuery(View):
    """Which flow is drawn, in which language, with which day's callers."""

    flow: str = Field(default="", max_length=40, description="all of them when left out")
    day: str = Field(default="", max_length=10, description="2026-01-31 or today; empty: none")
    language: Literal["zh-CN", "en"] = "zh-CN"


async def read_menu_traffic(call: Call) -> Answer:
    """Containment of each flow, drop-out of each node, and callers on each way."""
    begin, end = _span(call, call.query_as(TrafficQuery).day)
    traffic = await traffic_between(call.ports.log, begin, end)
    return traffic_view(traffic, call.ports.menu.flows.names, begin, end)


async def draw_menu(call: Call) -> Answer:
    """The menu that new callers get, drawn; with a day's callers on every way if wanted."""
    query = call.query_as(GraphQuery)
    flows = call.ports.menu.flows
    if query.flow and query.flow not in flows.by_name:
        raise not_found("flow")
    traffic = await traffic_between(call.ports.log, *_span(call, query.day)) if query.day else None
    return web.Response(
        text=draw(flows, flow=query.flow, language=query.language, traffic=traffic),
        content_type="image/svg+xml",
        headers={"Cache-Control": "no-store"},
    )


def _span(call: Call, day: str) -> tuple[float, float]:
    try:
        return day_span(day, ZoneInfo(call.ports.timezone), call.ports.now())
    except (ValueError, OverflowError):
        raise Refusal(400, "invalid-request", "day is like 2026-01-31, or today") from None


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/menus/traffic",
        run=read_menu_traffic,
        summary="How a day's callers went through the menus: containment, drop-out, ways",
        query=TrafficQuery,
        answer=MenuTraffic,
        roles=SUPERVISORS,
    ),
    Route(
        method="GET",
        path="/api/v1/menus/graph.svg",
        run=draw_menu,
        summary="The menus drawn, with a day's callers on every way if wanted",
        query=GraphQuery,
        media_type="image/svg+xml",
        roles=SUPERVISORS,
    ),
)
