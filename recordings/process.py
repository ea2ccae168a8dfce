"""How the processes of this room run: with others first, and ended even while a model works."""

import asyncio
import os
import sys
from collections.abc import Coroutine

import structlog

logger = structlog.get_logger("process")


def run_process(work: Coroutine[object, object, None], *, name: str, nice: int) -> int:
    """Run until it is over, then end the process at once.

    An ordinary exit would wait for threads, in which a recogniser may work for minutes.
    """
    os.nice(max(0, nice - os.nice(0)))
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    except Exception:
        logger.exception("ends", process=name)
        code = 1
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
