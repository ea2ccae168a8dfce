"""The web server: API, live feed and the built pages in one aiohttp application.

``create_app(ports)`` gives an application that runs the live feed while it runs; the caller only
serves it. Every answer carries the same protective headers, every error is a problem document,
and whatever a client sends, the answer is never a 500 of its making.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from acd.service import NotDeciding
from dashboards import (
    agents_api,
    callbacks_api,
    contacts_api,
    emergency_api,
    explanations_api,
    live,
    menus_api,
    messages_api,
    openapi,
    operations,
    places_api,
    session_api,
    surveys_api,
    tasks_api,
    traffic_api,
    transfers_api,
)
from dashboards.accounts import Throttle
from dashboards.contacts_api import PLAYS, Plays
from dashboards.forward import nobody_decides
from dashboards.live import LIVE, Live
from dashboards.ports import WebPorts
from dashboards.problems import Refusal
from dashboards.routes import LOOKUPS, PORTS, Answer, Call, Route, is_secure
from dashboards.session_api import THROTTLE

logger = structlog.get_logger("dashboards.server")

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY = 64 * 1024
MAX_LOOKUPS = 16
_FOREVER = "public, max-age=31536000, immutable"

# Everything comes from here alone, and nothing stands inline: neither scripts nor styles. (What
# Vue, charts and pop-overs set through the DOM's own style objects is not inline in this sense.)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


async def read_description(call: Call) -> Answer:
    """The OpenAPI document."""
    return web.json_response(call.request.app[DESCRIPTION])


DESCRIPTION = web.AppKey("description", dict[str, object])

ROUTES: tuple[Route, ...] = (
    *session_api.ROUTES,
    *live.ROUTES,
    *agents_api.ROUTES,
    *contacts_api.ROUTES,
    *callbacks_api.ROUTES,
    *tasks_api.ROUTES,
    *surveys_api.ROUTES,
    *emergency_api.ROUTES,
    *explanations_api.ROUTES,
    *menus_api.ROUTES,
    *traffic_api.ROUTES,
    *messages_api.ROUTES,
    *places_api.ROUTES,
    *transfers_api.ROUTES,
    *operations.ROUTES,
    Route(
        method="GET",
        path="/api/openapi.json",
        run=read_description,
        summary="This document",
        media_type="application/openapi+json",
        roles=None,
    ),
)


def create_app(ports: WebPorts) -> web.Application:
    """The application. Serve it with ``aiohttp.web.AppRunner``; it stops its own tasks."""
    app = web.Application(middlewares=[_protect, _explain], client_max_size=MAX_BODY)
    app[PORTS] = ports
    app[LOOKUPS] = asyncio.Semaphore(MAX_LOOKUPS)
    app[LIVE] = Live(ports)
    app[THROTTLE] = Throttle()
    app[PLAYS] = Plays()
    app[DESCRIPTION] = _description()
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.serve)
    app.router.add_get("/assets/{name}", _asset)
    app.router.add_get("/{path:.*}", _page)
    app.cleanup_ctx.append(_live_feed)
    app.on_shutdown.append(_close_pages)
    return app


@functools.cache
def _description() -> dict[str, object]:
    """Made before anybody calls, and once in a process: it holds everything up for a moment."""
    return openapi.describe(ROUTES)


async def _live_feed(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[LIVE].run(), name="live board")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _close_pages(app: web.Application) -> None:
    await app[LIVE].close()


# --- around every request --------------------------------------------------------------------


@web.middleware
async def _protect(request: web.Request, handler: Respond) -> web.StreamResponse:
    """Put the protective headers on every answer."""
    response = await handler(request)
    if response.prepared:  # a socket or a file that is already on its way
        return response
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=()")
    if is_secure(request, request.app[PORTS]):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


@web.middleware
async def _explain(request: web.Request, handler: Respond) -> web.StreamResponse:
    """Turn every error into a problem document."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = error.reason.lower().replace(" ", "-")
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return Refusal(error.status, code, headers=allow).response()
    except NotDeciding:
        return nobody_decides().response()
    except (RedisError, SQLAlchemyError) as error:
        logger.error("a store is not there", path=request.path, error=type(error).__name__)
        return Refusal(
            503, "unavailable", "a store is not available", headers={"Retry-After": "2"}
        ).response()
    except Exception:
        logger.exception("a request failed", path=request.path)
        return Refusal(500, "our-fault", "this is our fault, and it is in the log").response()


# --- the built pages -------------------------------------------------------------------------


async def _asset(request: web.Request) -> web.StreamResponse:
    """A built file; its name holds a hash of its content, so it never changes."""
    file = _below(request.app[PORTS].dist / "assets", request.match_info["name"])
    if file is None:
        raise web.HTTPNotFound
    return web.FileResponse(file, headers={"Cache-Control": _FOREVER})


async def _page(request: web.Request) -> web.StreamResponse:
    """A file of the pages' root, else the page itself: its own router knows the path."""
    path, dist = request.match_info["path"], request.app[PORTS].dist
    if path.startswith(("api/", "assets/")):
        raise web.HTTPNotFound
    file = _below(dist, path) if path and path != "index.html" else None
    if file is not None:
        return web.FileResponse(file, headers={"Cache-Control": "public, max-age=3600"})
    index = dist / "index.html"
    if not index.is_file():
        return web.Response(
            status=503, text="The pages are not built yet. Run ./huawu up once; it builds them.\n"
        )
    return web.FileResponse(index, headers={"Cache-Control": "no-cache"})


def _below(root: Path, name: str) -> Path | None:
    """A file below a folder, or None: missing, outside, or a name no file system knows."""
    try:
        base = root.resolve()
        file = (base / name).resolve()
        return file if file.is_relative_to(base) and file.is_file() else None
    except (OSError, ValueError):
        return None
