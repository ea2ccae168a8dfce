"""Is what callers are told what comes? In a steady system it is, in the middle."""

import numpy as np
import pytest

from acd.simulation.calibration import Told, calibration, told_waits
from acd.simulation.models import AT_ONCE, BEGIN, Model, company, script
from acd.simulation.outcome import Watch
from acd.simulation.twin import Twin


def test_the_rows_of_the_table() -> None:
    rows = calibration([Told(10, 12), Told(20, 45), Told(100, 120), Told(400, 100)])
    assert [(row.low, row.count, row.near) for row in rows] == [
        (0, 2, 0.5),
        (60, 1, 1.0),
        (300, 1, 0.0),
        (0, 4, 0.5),
    ]
    assert rows[-1].error == pytest.approx(22.5)
    assert calibration([]) == []
    assert calibration([Told(10, 5, answered=False)]) == []


def test_who_gives_up_would_have_waited_longer() -> None:
    """Waits of 100 s in the middle, of which impatient callers show only the shorter ones."""
    rng = np.random.default_rng(3)
    waits, patience = rng.exponential(100 / np.log(2), 20_000), rng.exponential(150, 20_000)
    found = [
        Told(100, min(wait, stays), answered=wait <= stays)
        for wait, stays in zip(waits.tolist(), patience.tolist(), strict=True)
    ]
    seen = [told.lasted for told in found if told.answered]
    assert np.median(seen) < 60
    everybody = calibration(found)[-1]
    assert everybody.came == pytest.approx(100, rel=0.05)
    assert everybody.near == pytest.approx(np.mean(abs(100 - waits) <= 0.3 * waits), abs=0.03)


def test_told_waits_come_true_in_the_middle() -> None:
    model = Model(agents=10, load=10.5, service=200, patience=200)
    rng = np.random.default_rng(1)
    firm = company(model.agents)
    watch = Watch(firm)
    twin = Twin(company=firm, rng=rng, hear=watch.hear, phones=AT_ONCE, tick=10)
    twin.play(script(model, 800, rng), until=BEGIN + 1e7)
    everybody = calibration(told_waits(watch))[-1]
    assert everybody.count > 200
    assert everybody.told == pytest.approx(everybody.came, rel=0.35)
    assert everybody.near > 0.35
