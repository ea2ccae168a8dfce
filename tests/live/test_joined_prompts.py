"""What a caller hears between recordings that are played in a row, over a real SIP call."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from ivr.joining import Joiner
from ivr.line import AgiLine
from telephony.agi import AgiSession
from telephony.softphone import PhoneRack
from tests.live.node import Node, Stub
from tests.live.sound import RATE, samples, write_tone

pytestmark = pytest.mark.live

PARTS = 12
LENGTH = 0.25
FRAME = RATE // 200  # 5 ms


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    node = Node(HUAWU_MENU=60)
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
async def stub(node: Node) -> AsyncIterator[Stub]:
    async with Stub(node).running() as stub:
        await stub.live()
        yield stub


async def heard(stub: Stub, node: Node, play, file: Path) -> np.ndarray:
    """Call the service, let it play, and return what came to the caller's ear."""
    done = []
    quiet = str(write_tone(file.with_name("quiet.wav"), 0).with_suffix(""))

    async def menu(session: AgiSession) -> None:
        # With sound flowing before ours begins and after it ends, a seam is all there is to find.
        await session.stream_file(quiet)
        await play(session)
        await session.stream_file(quiet)
        done.append(True)
        await session.hang_up()

    stub.answers = {"menu": menu}
    async with PhoneRack() as rack:
        phone = await rack.phone(
            "trunk", node.secret("trunk"), server="127.0.0.1", port=node.settings.sip_port
        )
        call = await phone.dial("8000", number="13800138000", heard=file)
        await call.answered(5)
        await call.ended(30)
    assert done
    return samples(file)


def told(name: str, sound: np.ndarray) -> float:
    """Seconds from the first sound to the last beyond what the parts are long.

    The telephone fills a short gap with what came before, so silences alone would not do.
    """
    frames = np.abs(sound[: len(sound) // FRAME * FRAME]).reshape(-1, FRAME).max(axis=1)
    loud = np.flatnonzero(frames > 0.05)
    silent = np.diff(loud) - 1
    extra = (loud[-1] + 1 - loud[0]) * FRAME / RATE - PARTS * LENGTH
    print(
        f"{name}: {1000 * extra / (PARTS - 1):.1f} ms a seam, {np.count_nonzero(silent)} of"
        f" {PARTS - 1} seams silent, for at most {1000 * silent.max() * FRAME / RATE:.0f} ms"
    )
    return float(extra)


async def test_joined_recordings_have_no_gap(stub: Stub, node: Node, tmp_path: Path) -> None:
    parts = [
        str(write_tone(tmp_path / f"part{n}.wav", 400, LENGTH).with_suffix(""))
        for n in range(PARTS)
    ]

    async def one_by_one(session: AgiSession) -> None:
        for part in parts:
            await session.stream_file(part)

    async def playback(session: AgiSession) -> None:
        await session.command("EXEC", "Playback", "&".join(parts), deadline=30)

    async def joined(session: AgiSession) -> None:
        line = AgiLine(session, tmp_path, Joiner(tmp_path / "joined"))
        assert await line.play(parts, interruptible=True) == ""

    async def listen(name: str, play) -> float:
        return told(name, await heard(stub, node, play, tmp_path / f"{name}.wav"))

    await listen("one command a part", one_by_one)
    await listen("Playback of all", playback)
    # A busy machine may lose a packet or two; as much at each seam would be over 0.2 s.
    assert await listen("one joined file", joined) < 0.1
