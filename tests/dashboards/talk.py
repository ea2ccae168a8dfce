"""A talk that was recorded and transcribed, for the contact page."""

import math
import struct
import wave
from pathlib import Path

from tests.dashboards.conftest import Spoken

RATE = 8000

TURNS = (
    ("agent", 0.6, 3.4, "您好，云杉商城，工号八零零三，请问有什么可以帮您？"),
    ("customer", 3.9, 9.2, "你好，我上周买的空气净化器，快递三天没有更新了。"),
    ("agent", 9.8, 13.1, "非常抱歉让您久等了，请报一下订单号的后四位。"),
    ("customer", 13.7, 15.8, "零七二六。"),
    ("agent", 17.0, 23.4, "查到了，包裹昨晚到了中转站，因为大雨延误，预计明天下午送达。"),
    ("customer", 24.0, 26.1, "好的，那我再等一天，谢谢。"),
    ("agent", 26.5, 29.2, "不客气，祝您生活愉快，再见。"),
)


def write_talk(folder: Path, seconds: float) -> None:
    """Three WAV files as the recordings room leaves them: customer left, agent right."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = int(seconds * RATE)
    legs = {leg: [_sample(leg, n / RATE) for n in range(frames)] for leg in ("customer", "agent")}
    for leg, samples in legs.items():
        _write(folder / f"{leg}.wav", 1, samples)
    both = [value for pair in zip(legs["customer"], legs["agent"], strict=True) for value in pair]
    _write(folder / "stereo.wav", 2, both)


def _sample(leg: str, at: float) -> int:
    speaking = any(who == leg and start <= at < end for who, start, end, _ in TURNS)
    if not speaking:
        return 0
    pitch = 210.0 if leg == "customer" else 140.0
    swell = 0.5 + 0.5 * math.sin(at * 19.0) * math.sin(at * 3.1)
    return int(9000 * swell * math.sin(2 * math.pi * pitch * at))


def _write(file: Path, channels: int, samples: list[int]) -> None:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def transcript() -> list[Spoken]:
    """Both legs as rows of the store."""
    return [
        Spoken(
            leg=leg,
            text="".join(text for who, _, _, text in TURNS if who == leg),
            segments=[
                {"start": start, "end": end, "text": text}
                for who, start, end, text in TURNS
                if who == leg
            ],
        )
        for leg in ("customer", "agent")
    ]
