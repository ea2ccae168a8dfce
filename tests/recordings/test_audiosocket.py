"""Asterisk's audio, cut from bytes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.audiosocket import LONGEST, Framer, Kind, Message, NotAudioSocketError

UUID = bytes(range(16))
WIRE = b"\x01\x00\x10" + UUID + b"\x10\x01\x40" + b"\x07" * 320 + b"\x00\x00\x00"
MESSAGES = [
    Message(Kind.UUID, UUID),
    Message(Kind.AUDIO, b"\x07" * 320),
    Message(Kind.HANG_UP, b""),
]


@given(st.lists(st.integers(0, len(WIRE)), max_size=6))
def test_it_does_not_matter_how_bytes_arrive(cuts):
    framer, found = Framer(), []
    edges = [0, *sorted(cuts), len(WIRE)]
    for start, end in itertools.pairwise(edges):
        found += framer.feed(WIRE[start:end])
    assert found == MESSAGES


def test_an_unknown_kind_is_passed_on():
    assert list(Framer().feed(b"\x77\x00\x01x")) == [Message(0x77, b"x")]


def test_a_longer_message_than_asterisk_sends_is_refused():
    size = (LONGEST + 1).to_bytes(2, "big")
    with pytest.raises(NotAudioSocketError):
        list(Framer().feed(b"\x10" + size))


@given(st.binary(max_size=2000))
def test_any_bytes_are_messages_or_refused(data):
    framer = Framer()
    try:
        for at in range(0, len(data), 7):
            list(framer.feed(data[at : at + 7]))
    except NotAudioSocketError:
        pass
    assert len(framer._rest) <= LONGEST + 7
