"""A whole system of its own for a few minutes: private folder, private ports, the real programs.

For what must not touch the installation at hand, nor wait for it: scenarios over real calls.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from controller.asterisk_node import find_asterisk, unpacked_root
from controller.lifecycle import start, stop
from controller.settings import Settings, load_settings
from controller.setup.progress import Progress

#: Below the ports that the kernel gives out.
_FIRST_PORT, _LAST_PORT = 24_000, 31_900
_RTP = (17_000, 17_999)


@contextlib.asynccontextmanager
async def private_system(
    usual: Settings, company: Path, **others: object
) -> AsyncIterator[Settings]:
    """The system serves a company inside of the block; nothing is left of it afterwards.

    ``usual`` says where programs and models lie; ``others`` are more of its settings. Raises
    ProblemError when it does not start.
    """
    # Short: a unix socket's path has 107 bytes.
    state = Path(tempfile.mkdtemp(prefix="huawu-private-", dir="/tmp"))
    try:
        _write_settings(state, usual, {"company": company.resolve(), **others})
        with _environment(state):
            settings = load_settings()
            try:
                await asyncio.to_thread(_start, settings)
                yield settings
            finally:
                await asyncio.to_thread(stop, settings)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _start(settings: Settings) -> None:
    # It loads every room; who only asks for help need not wait for that.
    from controller.setup.steps import prepare_data

    prepare_data(settings, Progress(io.StringIO()))
    start(settings)


def _write_settings(state: Path, usual: Settings, others: Mapping[str, object]) -> None:
    names = ("sip_port", "ami_port", "agi_port", "asterisk_http_port", "web_port")
    values: dict[str, object] = {
        **dict(zip(names, free_ports(len(names)), strict=True)),
        **others,
        "rtp_start": _RTP[0],
        "rtp_end": _RTP[1],
    }
    root = unpacked_root(usual)
    if Path(find_asterisk(usual).argv[-1]).is_relative_to(root):
        values["asterisk_root"] = root
    if usual.models_dir.is_dir():  # large, and never written to
        (state / "models").symlink_to(usual.models_dir)
    lines = [f"{name} = {json.dumps(value, default=str)}\n" for name, value in values.items()]
    (state / "huawu.toml").write_text("".join(lines), encoding="utf-8")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free for TCP and UDP now."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(_FIRST_PORT, _LAST_PORT)  # noqa: S311 - so that two do not collide
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


@contextlib.contextmanager
def _environment(state: Path) -> Iterator[None]:
    """The environment in which every process of ours means this folder."""
    kept = dict(os.environ)
    for name in [name for name in kept if name.startswith("HUAWU_")]:
        del os.environ[name]
    os.environ["HUAWU_STATE"] = str(state)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
