"""The wires are tested on uvloop, as the controller runs, and where it matters on asyncio too."""

import asyncio

import uvloop
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


def pytest_asyncio_loop_factories(config, item):
    """Called by pytest-asyncio for each async test."""
    both = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    if item.cls is not None and item.cls.__name__ in {"TestLogin", "TestEvents", "TestStrangers"}:
        return both
    name = "uvloop" if item.path.name in {"test_ami.py", "test_agi.py"} else "asyncio"
    return {name: both[name]}
