"""Two controllers: which of them decides, and callers who wait while that changes."""

import asyncio
import contextlib
import json
import urllib.request

from controller.lifecycle import Role, roles
from telephony.events import ContactQueued
from tests.live.stack import Caller, Scene, Stack, until


def leader(stack: Stack) -> Role:
    """The controller that decides."""
    (found,) = [role for role in roles(stack.settings) if role.leads]
    return found


def standby(stack: Stack) -> Role:
    """The controller that stands by."""
    (found,) = [role for role in roles(stack.settings) if role.role == "standby"]
    return found


async def comes_to_lead(role: Role, limit: float) -> None:
    """Wait until this controller decides; one that hangs is not asked, and holds nothing up."""

    def leads() -> bool:
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(f"{role.url}/readyz", timeout=1) as answer,
        ):
            return json.loads(answer.read())["role"] == "leader"
        return False

    await until(lambda: asyncio.to_thread(leads), limit, f"{role.name} leads")


async def two_are_ready(stack: Stack, limit: float = 60.0) -> None:
    """Wait until one leads and the other could take over: who died often is started later."""

    async def ready() -> bool:
        found = await asyncio.to_thread(roles, stack.settings)
        return sorted(role.role for role in found) == ["leader", "standby"]

    await until(ready, limit, "one leads, one stands by")


async def callers_wait(scene: Scene, number: int) -> list[Caller]:
    """So many callers in the queue of logistics, in the order in which they were queued."""
    callers = await asyncio.gather(*(scene.caller() for _ in range(number)))
    await asyncio.gather(*(caller.chooses("3") for caller in callers))
    await scene.feed.event(ContactQueued, 30, number=number, queue="logistics")
    order = [event.contact for event in scene.feed.all(ContactQueued)]
    return sorted(callers, key=lambda caller: order.index(caller.contact))
