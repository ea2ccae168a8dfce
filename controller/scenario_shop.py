"""The shop of scenarios over real calls: the built-in one behind HTTP, but for what one scripts."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator

import orjson
from aiohttp import web

from controller.outside import MailSettings, ShopSettings, SmsSettings
from controller.self_service import SelfService
from controller.settings import Settings
from ivr.ports import Answer, Services, Unavailable
from store.database import open_database


@contextlib.asynccontextmanager
async def example_orders(settings: Settings) -> AsyncIterator[Services]:
    """A system's built-in shop, beside the one that its callers are led to."""
    database = open_database(settings.effective_database_url)
    service = SelfService(
        settings.company,
        database,
        shop=ShopSettings(),
        mail=MailSettings(),
        sms=SmsSettings(),
        now=time.time,
    )
    try:
        yield service.services
    finally:
        await service.close()
        await database.close()


@contextlib.asynccontextmanager
async def served(shop: Services, port: int) -> AsyncIterator[None]:
    """The shop answers on this port of loopback, as docs/shop-openapi.json describes it."""

    begun: dict[str, asyncio.Future[Answer]] = {}  # by the key under which all attempts are one

    async def answer(request: web.Request) -> web.Response:
        key = request.headers.get("Idempotency-Key") or uuid.uuid4().hex
        if key not in begun:
            asked = shop.ask(request.match_info["service"], await request.json())
            begun[key] = asyncio.ensure_future(asked)
        try:
            said = await asyncio.shield(begun[key])
        except Unavailable as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        # Money is told as text, dates as ISO 8601.
        told = orjson.dumps({"result": said.result, "values": dict(said.values)}, default=str)
        return web.Response(body=told, content_type="application/json")

    app = web.Application()
    app.router.add_post("/{service}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
