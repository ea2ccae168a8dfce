"""For those who run the house: health, readiness, metrics and the description of the API."""

from aiohttp import web

from dashboards import metrics
from dashboards.live import LIVE
from dashboards.routes import Answer, Call, Route
from dashboards.views import Health


async def alive(call: Call) -> Answer:
    """Whether the process should go on living; 503 with reasons when not."""
    return _health(call, list(call.ports.reasons_not_alive()))


async def ready(call: Call) -> Answer:
    """Whether calls and pages may be sent here; 503 with reasons when not."""
    reasons = list(call.ports.reasons_not_ready())
    live = call.request.app[LIVE]
    if not live.loaded:
        reasons.append("today's events are still being read")
    if live.fault:
        reasons.append(f"the live board stands still: {live.fault}")
    return _health(call, reasons)


async def read_metrics(call: Call) -> Answer:
    """Figures for Prometheus."""
    live = call.request.app[LIVE]
    others = {**call.ports.counters(), "huawu_live_pages": float(live.watching)}
    body = metrics.render(live.board, others, call.ports.counts(), call.ports.now())
    return web.Response(body=body, content_type="text/plain", charset="utf-8")


def _health(call: Call, reasons: list[str]) -> web.Response:
    health = Health(ok=not reasons, reasons=reasons, role=call.ports.role())
    body = health.model_dump_json().encode()
    return web.Response(
        status=503 if reasons else 200,
        body=body,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


ROUTES = (
    Route(method="GET", path="/healthz", run=alive, summary="Alive", answer=Health, roles=None),
    Route(method="GET", path="/readyz", run=ready, summary="Ready", answer=Health, roles=None),
    Route(
        method="GET",
        path="/metrics",
        run=read_metrics,
        summary="Prometheus metrics",
        media_type="text/plain",
        roles=None,
    ),
)
