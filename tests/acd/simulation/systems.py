"""Textbook systems for which the exact answer is known, sized so that 25 batches are independent.

A run has some fifty times the callers that come while the system forgets its past (relaxation
time 1 / (sqrt(n) - sqrt(load))^2 service times in M/M/n), and a fixed seed: no flaky test.
"""

from collections.abc import Iterator

import numpy as np
import pyqueueing

from acd.simulation.intervals import Interval, of_batches
from acd.simulation.models import Model, run, samples

ERLANG_C = [
    (Model(agents=agents, load=load), callers)
    for agents, load, callers in (
        (1, 0.5, 4000),
        (2, 1.2, 4000),
        (3, 1.9, 4000),
        (4, 2.6, 4000),
        (5, 3.4, 4000),
        (8, 5.5, 4000),
        (10, 7.0, 4000),
        (15, 11.0, 4000),
        (20, 15.0, 6000),
        (30, 24.0, 6000),
    )
]
ERLANG_A = [
    (Model(agents=agents, load=load, patience=patience), callers)
    for agents, load, patience, callers in (
        (1, 0.9, 100.0, 2000),
        (2, 2.0, 50.0, 2000),
        (3, 3.5, 100.0, 2000),
        (5, 5.0, 100.0, 2000),
        (8, 9.0, 60.0, 2000),
        (10, 10.0, 150.0, 2000),
        (15, 16.0, 100.0, 2000),
        (20, 18.0, 100.0, 2000),
        (30, 32.0, 80.0, 2000),
        (50, 50.0, 100.0, 2500),
    )
]


#: Of the tests' runs. With other seeds some intervals miss, as they must (bench/erlang.py).
SEED = 1


def exact(model: Model) -> dict[str, float]:
    """Mean wait in seconds of all callers, share who wait, share who give up; by the library."""
    rates = {
        "arrival_rate": model.rate,
        "service_rate": 1 / model.service,
        "servers": model.agents,
    }
    if np.isinf(model.patience):
        erlang_c = pyqueueing.MMC(**rates)
        return {"wait": erlang_c.mean_wait(), "delayed": erlang_c.prob_wait(), "lost": 0.0}
    erlang_a = pyqueueing.ErlangA(**rates, patience_rate=1 / model.patience)
    return {
        "wait": erlang_a.mean_wait(),
        "delayed": erlang_a.prob_wait(),
        "lost": erlang_a.prob_abandon(),
    }


def by_balance(model: Model) -> dict[str, float]:
    """The same from the chain itself: the stationary distribution of callers in the system.

    Solves p Q = 0, sum p = 1 for the birth-death generator Q, cut off where next to nobody is.
    """
    size = model.agents + 400
    calls = np.arange(size)
    up = np.full(size - 1, model.rate)
    busy = np.minimum(calls, model.agents)
    waiting = calls - busy
    away = busy / model.service + waiting / model.patience
    generator = np.diag(up, 1) + np.diag(away[1:], -1)
    generator -= np.diag(generator.sum(axis=1))
    equations = np.vstack([generator.T, np.ones(size)])
    shares = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0), rcond=None)[0]
    queue = float(waiting @ shares)
    return {
        "wait": queue / model.rate,  # Little's law
        "delayed": float(shares[calls >= model.agents].sum()),
        "lost": queue / model.patience / model.rate,
    }


def simulated(model: Model, callers: int, seed: int) -> Iterator[tuple[str, Interval]]:
    """The figures with their 99 % intervals by batch means."""
    seen = samples(run(model, callers, seed))
    yield "wait", of_batches(seen.waits, 0.99)
    yield "delayed", of_batches(seen.delayed, 0.99)
    if not np.isinf(model.patience):
        yield "lost", of_batches(seen.lost, 0.99)
