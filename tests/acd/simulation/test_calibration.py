"""Is what callers are told what comes? In a steady system it is, in the middle."""

import numpy as np
import pytest

from acd.simulation.calibration import calibration, pairs
from acd.simulation.models import AT_ONCE, BEGIN, Model, company, script
from acd.simulation.outcome import Watch
from acd.simulation.twin import Twin


def test_the_rows_of_the_table() -> None:
    rows = calibration([(10, 12), (20, 45), (100, 120), (400, 100)])
    assert [(row.low, row.count, row.near) for row in rows] == [
        (0, 2, 0.5),
        (60, 1, 1.0),
        (300, 1, 0.0),
        (0, 4, 0.5),
    ]
    assert rows[-1].error == pytest.approx(22.5)
    assert calibration([]) == []


def test_told_waits_come_true_in_the_middle() -> None:
    model = Model(agents=10, load=10.5, service=200, patience=200)
    rng = np.random.default_rng(1)
    firm = company(model.agents)
    watch = Watch(firm)
    twin = Twin(company=firm, rng=rng, hear=watch.hear, phones=AT_ONCE, tick=10)
    twin.play(script(model, 800, rng), until=BEGIN + 1e7)
    everybody = calibration(pairs(watch))[-1]
    assert everybody.count > 200
    assert everybody.told == pytest.approx(everybody.came, rel=0.35)
    assert everybody.near > 0.35
