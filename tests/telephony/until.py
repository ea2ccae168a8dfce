"""Waiting for a condition, never for a time."""

import asyncio


async def until(condition, seconds=5.0):
    """Wait until ``condition()`` is true, and return what it said."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):
            await asyncio.sleep(0.002)
    return found
