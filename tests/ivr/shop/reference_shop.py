"""A shop's own system as docs/shop-openapi.json asks for it, on the built-in shop's data.

It checks every request against the document, and behaves as badly as the test tells it to.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ivr.ports import Services

DOCUMENT = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "shop-openapi.json").read_text("utf-8")
)
_REGISTRY = Registry().with_resource(
    "shop", Resource.from_contents(DOCUMENT, default_specification=DRAFT202012)
)
TOKEN = "let me in"

Misbehaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of a schema that stands in the document."""
    text = json.dumps(schema).replace('"#/components', '"shop#/components')
    return Draft202012Validator(
        json.loads(text), registry=_REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def plain(value: object) -> Any:
    """A value of an answer as JSON has it."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


class ReferenceShop:
    """The server; `badly` answers the next requests instead of the shop, one each."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._done: dict[str, Any] = {}
        self.badly: list[Misbehaviour] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["ReferenceShop"]:
        app = web.Application()
        app.router.add_post("/shop/v1/{service}", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/shop/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        service = request.match_info["service"]
        self.requests.append((service, dict(request.headers)))
        if self.badly:
            return await self.badly.pop(0)(request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({}, status=401)
        operation = DOCUMENT["paths"][f"/{service}"]["post"]
        asked = await request.json()
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        validator(schema).validate(asked)
        key = request.headers.get("Idempotency-Key", "")
        assert bool(key) == ("parameters" in operation)
        if key not in self._done or not key:
            said = await self._services.ask(service, asked)
            values = {name: plain(value) for name, value in said.values.items()}
            self._done[key] = {"result": said.result, "values": values}
        answer = self._done[key]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        validator(schema).validate(answer)
        return web.json_response(answer)


def says(status: int = 200, text: str = "", **headers: str) -> Misbehaviour:
    """Answer this, whatever is asked."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status,
            body=text.encode(),
            headers={"Content-Type": "application/json", **headers},
        )

    return answer


async def hangs(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def drips(request: web.Request) -> web.StreamResponse:
    """One byte, then nothing."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.Event().wait()
    return response


async def drops(request: web.Request) -> web.StreamResponse:
    """Hang up in the middle of the answer."""
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": "100"}
    )
    await response.prepare(request)
    await response.write(b'{"result"')
    assert request.transport is not None
    request.transport.close()
    return response


async def floods(request: web.Request) -> web.StreamResponse:
    """Send until the other side has had enough."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await response.write(b" " * 65_536)
    return response
