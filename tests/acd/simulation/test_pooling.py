"""The pooling experiment, small: two skills each come close to one pool of all."""

import math

import numpy as np
import pyqueueing
import pytest

from acd.rules import Strategy
from acd.simulation.intervals import of_batches
from acd.simulation.pooling import (
    AGENTS,
    AT_ONCE_SECONDS,
    MIXED,
    TYPES,
    exact_wait,
    run,
    skills_of,
)

pytestmark = pytest.mark.simulated

CALLERS, SEED = 3000, 1


def waits(skills: int, strategy: Strategy = Strategy.LONGEST_IDLE) -> np.ndarray:
    entries = run(skills, strategy, CALLERS, SEED)[CALLERS // 10 :]
    return np.array([entry.waited for entry in entries])


@pytest.mark.parametrize("agents, load", [(1, 0.5), (15, 14), (90, 84)])
def test_the_exact_bounds_are_the_librarys(agents: int, load: float) -> None:
    model = pyqueueing.MMC(arrival_rate=load / 600, service_rate=1 / 600, servers=agents)
    assert exact_wait(agents, load, 600) == pytest.approx(model.mean_wait(), rel=1e-9)
    assert math.isinf(exact_wait(2, 2, 600))


@pytest.mark.parametrize("skills, mean", [(1, 1), (2, 2), (MIXED, 2), (3, 3), (6, 6)])
def test_skills_are_spread_evenly(skills: int, mean: int) -> None:
    held = [skills_of(number, skills) for number in range(AGENTS)]
    assert all(len(set(kinds)) == len(kinds) for kinds in held)
    primary = np.bincount([kinds[0] for kinds in held], minlength=TYPES)
    assert set(primary) == {AGENTS // TYPES}
    total = sum(len(kinds) for kinds in held) / AGENTS
    assert total == pytest.approx(mean, abs=0.1)


def test_two_skills_each_come_close_to_one_pool() -> None:
    one, two, all_six = (float(waits(skills).mean()) for skills in (1, 2, TYPES))
    assert all_six < two < one
    assert (one - two) / (one - all_six) > 0.9  # of all that pooling can give


def test_sparing_the_flexible_has_fewer_callers_wait_than_the_longest_idle() -> None:
    usual, sparing = (
        np.array([entry.waited for entry in run(MIXED, strategy, 4000, SEED, load=80)])[400:]
        for strategy in (Strategy.LONGEST_IDLE, Strategy.SPARE_FLEXIBLE)
    )
    fewer = (usual > AT_ONCE_SECONDS).astype(float) - (sparing > AT_ONCE_SECONDS)
    assert of_batches(fewer, 0.95).low > 0
