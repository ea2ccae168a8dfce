"""Frames as RFC 6455 wants them, and the ring's promise: all that was missed, or nothing."""

import pytest

from dashboards.frames import Numbered, Ring, text_frame


@pytest.mark.parametrize(
    "length, head",
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_length_takes_one_three_or_nine_bytes(length: int, head: bytes) -> None:
    frame = text_frame(b"x" * length)
    assert frame[: len(head)] == head
    assert len(frame) == len(head) + length


def ring(*numbers: int, size: int = 3) -> Ring:
    made = Ring(size)
    for n in numbers:
        made.push(Numbered(n, b"%d" % n, b"s%d" % n))
    return made


def missed(made: Ring, n: int, newest: int) -> list[int] | None:
    changes = made.after(n, newest)
    return None if changes is None else [change.n for change in changes]


def test_who_missed_little_gets_exactly_that() -> None:
    assert missed(ring(1, 2, 3), 1, 3) == [2, 3]
    assert missed(ring(1, 2, 3), 0, 3) == [1, 2, 3]
    assert missed(ring(1, 2, 3), 3, 3) == []


def test_who_missed_too_much_or_comes_from_the_future_gets_nothing() -> None:
    assert missed(ring(1, 2, 3, 4, 5), 1, 5) is None
    assert missed(ring(1, 2, 3, 4, 5), 2, 5) == [3, 4, 5]
    assert missed(ring(1, 2), 9, 2) is None
    assert missed(ring(), 4, 2) is None
