"""Speech laid into windows, and times mapped back."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.packing import PAUSE, WINDOW, Piece, pack, to_recording


def test_pieces_lie_behind_one_another_with_pauses() -> None:
    [window] = pack([(5.0, 8.0), (20.0, 21.0), (60.0, 62.5)])
    assert [piece.at for piece in window] == [0.0, 4.0, 6.0]


def test_a_full_window_is_followed_by_another() -> None:
    windows = pack([(0, 20), (30, 38), (50, 51)])
    assert [[piece.start for piece in window] for window in windows] == [[0, 30], [50]]


def test_a_piece_longer_than_a_window_has_its_own() -> None:
    assert [len(window) for window in pack([(0, 1), (5, 45), (50, 51)])] == [1, 1, 1]


def test_silence_needs_no_window() -> None:
    assert pack([]) == []


@pytest.mark.parametrize(
    "start, end, expected",
    [
        (0.0, 3.0, (5.0, 8.0)),
        (0.5, 2.5, (5.5, 7.5)),
        (3.5, 5.0, (20.0, 21.0)),  # begins in the pause
        (2.8, 5.0, (20.0, 21.0)),  # begins a little too early
        (4.0, 5.7, (20.0, 21.0)),  # ends in the pause
        (4.0, 6.2, (20.0, 21.0)),  # ends a little too late
        (0.0, 5.0, (5.0, 21.0)),  # covers two pieces
        (6.1, 99.0, (60.1, 62.5)),
        (99.0, 99.0, (62.5, 62.5)),
        (3.2, 3.4, (20.0, 20.0)),  # nothing but pause
    ],
)
def test_times_are_those_of_the_recording(
    start: float, end: float, expected: tuple[float, float]
) -> None:
    [window] = pack([(5.0, 8.0), (20.0, 21.0), (60.0, 62.5)])
    assert to_recording(window, start, end) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0.1, 25), st.floats(0, 100)), max_size=30))
def test_nothing_is_lost_and_no_window_overflows(lengths: list[tuple[float, float]]) -> None:
    stretches, time = [], 0.0
    for length, silence in lengths:
        stretches.append((time, time + length))
        time += length + silence
    windows = pack(stretches)
    assert [(p.start, p.end) for window in windows for p in window] == stretches
    for window in windows:
        assert window[-1].at + window[-1].length <= WINDOW
        for before, after in itertools.pairwise(window):
            assert after.at == pytest.approx(before.at + before.length + PAUSE)


@given(st.floats(0, 40), st.floats(0, 40))
def test_any_times_land_inside_the_speech(one: float, other: float) -> None:
    window = (Piece(start=5, end=8, at=0), Piece(start=20, end=21, at=4))
    start, end = to_recording(window, min(one, other), max(one, other))
    assert 5 <= start <= end <= 21
