import time

import pytest

from telephony.clock import Clock


def test_it_tells_unix_time():
    assert Clock().now() == pytest.approx(time.time(), abs=0.5)


def test_a_step_of_the_wall_clock_does_not_move_it(monkeypatch):
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: before + 3600)
    assert clock.now() - before < 1


def test_it_moves_with_the_monotonic_clock(monkeypatch):
    clock = Clock()
    before, ticks = clock.now(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: ticks + 90)
    assert clock.now() - before == pytest.approx(90, abs=0.5)
