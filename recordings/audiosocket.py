"""Asterisk's AudioSocket protocol, from bytes to messages. Pure.

A message is one byte of kind, two of length (most significant first), and so many of payload
(Asterisk 22, ``include/asterisk/res_audiosocket.h``). Audio is signed 16-bit little-endian.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

LONGEST = 4096
"""Bytes of a payload. Asterisk sends 20 ms at once, 320 bytes of audio of 8 kHz."""


class Kind(IntEnum):
    """What a message is."""

    HANG_UP = 0x00
    UUID = 0x01
    DTMF = 0x03
    AUDIO = 0x10
    ERROR = 0xFF


@dataclass(frozen=True, slots=True)
class Message:
    """One message; an unknown ``kind`` is left to the reader."""

    kind: int
    payload: bytes


class NotAudioSocketError(ValueError):
    """What came is longer than anything that Asterisk sends."""


class Framer:
    """Cuts a stream of bytes into messages; holds less than one message and what was fed."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole now.

        Raises:
            NotAudioSocketError: a payload would be longer than ``LONGEST``.
        """
        data = self._rest + data
        at = 0
        try:
            while len(data) - at >= 3:
                length = int.from_bytes(data[at + 1 : at + 3], "big")
                if length > LONGEST:
                    raise NotAudioSocketError(f"a message of {length} bytes")
                if len(data) - at < 3 + length:
                    break
                message = Message(data[at], data[at + 3 : at + 3 + length])
                at += 3 + length
                yield message
        finally:
            self._rest = data[at:]
