"""The distribution under textbook load does what the textbook says.

The exact figures come from a library; a second, independent computation (the stationary
distribution of the chain, solved as linear equations) says the same. The runs are seeded.
"""

import pytest

from acd.simulation.models import Model
from tests.acd.simulation.systems import (
    ERLANG_A,
    ERLANG_C,
    SEED,
    by_balance,
    exact,
    simulated,
)

pytestmark = pytest.mark.simulated

SYSTEMS = ERLANG_C + ERLANG_A


def test_there_are_ten_systems_of_each_kind() -> None:
    assert len(ERLANG_C) >= 10
    assert len(ERLANG_A) >= 10


@pytest.mark.parametrize("model", [model for model, _ in SYSTEMS], ids=str)
def test_the_librarys_formulas_are_those_of_the_chain(model: Model) -> None:
    assert exact(model) == pytest.approx(by_balance(model), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("number", range(len(SYSTEMS)), ids=lambda number: str(SYSTEMS[number][0]))
def test_the_simulated_99_percent_interval_contains_the_exact_value(number: int) -> None:
    model, callers = SYSTEMS[number]
    truth = exact(model)
    for figure, interval in simulated(model, callers, seed=SEED):
        assert interval.contains(truth[figure]), (figure, truth[figure], interval)
        # An interval that contains everything proves nothing.
        assert interval.half < max(truth[figure], 0.05), (figure, interval)
