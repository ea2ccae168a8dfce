"""A page as the live feed sees it: keeps the picture by the rules of the protocol."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import ClientWebSocketResponse

from tests.dashboards.conftest import Browser


async def until(condition: Callable[[], bool], deadline: float = 5.0) -> None:
    """Wait for a condition."""
    end = asyncio.get_running_loop().time() + deadline
    while not condition():
        assert asyncio.get_running_loop().time() < end, f"not within {deadline} s"
        await asyncio.sleep(0.005)


class Page:
    """Applies snapshots and changes, and remembers every message."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.lines: dict[str, dict[str, dict[str, Any]]] = {}
        self.epoch = ""
        self.n = -1
        self.desk: dict[str, Any] = {}
        self.totals: dict[str, Any] = {}

    async def hear(self) -> dict[str, Any]:
        """Take the next message in."""
        message: dict[str, Any] = json.loads(await self.socket.receive_str(timeout=5))
        self.messages.append(message)
        match message["type"]:
            case "snapshot":
                self.epoch, self.n = message["epoch"], message["n"]
                self.totals = message["totals"]
                self.lines = {
                    kind: {line["id"]: line for line in message[kind] or []}
                    for kind in ("queues", "agents", "contacts")
                }
            case "delta":
                assert message["epoch"] == self.epoch
                assert message["n"] == self.n + 1, "no number may be missing"
                self.n = message["n"]
                self.totals = message["totals"] or self.totals
                for kind in ("queues", "agents", "contacts"):
                    self.lines[kind] |= {line["id"]: line for line in message[kind]}
                for contact in message["gone"]:
                    self.lines["contacts"].pop(contact, None)
            case "desk":
                self.desk = message
        return message

    async def hear_until(self, condition: Callable[["Page"], bool]) -> None:
        """Take messages in until the picture is as wanted."""
        async with asyncio.timeout(5):
            while not condition(self):
                await self.hear()


async def open_page(browser: Browser, epoch: str = "", after: int = 0) -> Page:
    """Open the live feed."""
    socket = await browser.ws_connect(
        f"/api/v1/live?epoch={epoch}&after={after}", autoping=True, max_msg_size=0
    )
    return Page(socket)
