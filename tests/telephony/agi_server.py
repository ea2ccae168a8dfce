"""A FastAGI server in a process of its own, on uvloop as the controller runs it, to be abused.

    python -m tests.telephony.agi_server '{"answer_seconds": 1}'

The argument has options of ``FastAgiServer`` as JSON. The first line that it writes is its port;
for each line that it reads it writes its counters as JSON; it ends with its input.
"""

import asyncio
import dataclasses
import json
import resource
import sys

import uvloop

from telephony.agi import AgiSession, FastAgiServer


async def menu(session: AgiSession) -> None:
    """Five commands; what comes back at the end is what came in at the beginning."""
    number = await session.get_variable("NUMBER") or ""
    await session.set_variable("HUAWU_LANGUAGE", "zh-CN")
    await session.stream_file("welcome", "0123456789*#")
    key = await session.wait_for_digit(1)
    await session.finish({"HUAWU_NUMBER": number, "HUAWU_KEY": key, "HUAWU_NEXT": "wait"})


async def serve(options: dict[str, float]) -> None:
    """Serve until nothing more is to be read."""
    server = FastAgiServer({"menu": menu}, host="127.0.0.1", port=0, **options)
    await server.start()
    print(server.port, flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(dataclasses.asdict(server.counters)), flush=True)
    await server.stop()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(serve(json.loads(sys.argv[1])))
