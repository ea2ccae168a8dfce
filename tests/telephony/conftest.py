"""The wires are tested on both event loops: asyncio's own, and uvloop as the controller runs."""

import asyncio

import uvloop


def pytest_asyncio_loop_factories(config, item):
    """Called by pytest-asyncio for each async test."""
    if item.path.name in {"test_ami.py", "test_agi.py"}:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
