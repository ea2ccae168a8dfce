"""Short messages, given to a gateway on this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from ivr.messages import NotDelivered
from ivr.sms import SmsProvider
from tests.ivr.outboxes import message


@contextlib.asynccontextmanager
async def gateway(*answers: int) -> AsyncIterator[tuple[str, list[Any]]]:
    """Answers with these statuses, 0 for never; its address, and what it got."""
    got: list[Any] = []
    statuses = list(answers)

    async def take(request: web.Request) -> web.Response:
        got.append((request.headers.get("Authorization"), await request.json()))
        status = statuses.pop(0)
        if not status:
            await asyncio.Event().wait()
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:9/"})

    app = web.Application()
    app.router.add_post("/send", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/send", got
    await runner.cleanup()


async def test_a_message_is_handed_over() -> None:
    async with gateway(202) as (url, got):
        provider = SmsProvider(url, token="secret")
        await provider.deliver(message(), "huawu-7")
        await provider.close()
    assert got == [
        ("Bearer secret", {"to": "13800000101", "text": "申请号 7000000013", "key": "huawu-7"})
    ]


@pytest.mark.parametrize(
    "status, again",
    [(422, False), (400, False), (401, True), (302, True), (429, True), (500, True)],
)
async def test_what_is_not_taken(status: int, again: bool) -> None:
    async with gateway(status) as (url, _):
        provider = SmsProvider(url)
        with pytest.raises(NotDelivered, match=str(status)) as refused:
            await provider.deliver(message(), "k")
        await provider.close()
    assert refused.value.again is again


async def test_a_gateway_that_is_silent_or_gone(unused_tcp_port: int) -> None:
    async with gateway(0) as (url, _):
        provider = SmsProvider(url, seconds=0.2)
        with pytest.raises(NotDelivered, match=r"0.2 s"):
            await provider.deliver(message(), "k")
        await provider.close()
    provider = SmsProvider(f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(NotDelivered, match="gateway"):
        await provider.deliver(message(), "k")
    await provider.close()
