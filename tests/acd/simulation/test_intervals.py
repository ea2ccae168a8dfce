"""Intervals: the t quantiles of the tables, and how often they hold what they should."""

import math

import numpy as np
import pytest

from acd.simulation.intervals import of_batches, of_means, student_t


@pytest.mark.parametrize(
    "probability, freedom, quantile",
    [  # printed tables of Student's t
        (0.975, 1, 12.7062),
        (0.975, 4, 2.7764),
        (0.995, 9, 3.2498),
        (0.995, 24, 2.7969),
        (0.975, 120, 1.9799),
        (0.5, 7, 0.0),
    ],
)
def test_quantiles_are_those_of_the_tables(
    probability: float, freedom: int, quantile: float
) -> None:
    assert student_t(probability, freedom) == pytest.approx(quantile, abs=2e-4)


def test_a_95_percent_interval_holds_the_mean_95_times_of_100() -> None:
    rng = np.random.default_rng(7)
    held = sum(of_means(list(rng.normal(3, 2, 10))).contains(3) for _ in range(500))
    assert 0.92 < held / 500 < 0.98


def test_batches_hold_the_mean_of_samples_that_depend_on_each_other() -> None:
    rng = np.random.default_rng(8)
    held = 0
    for noise in rng.normal(size=(200, 2000)):
        before = 0.0
        samples = [before := 0.8 * before + part for part in noise]
        held += of_batches(samples, 0.95).contains(0.0)
    assert 0.88 < held / 200 < 0.99


def test_one_day_has_a_mean_and_no_interval_and_no_day_has_neither() -> None:
    assert of_means([4.0]).mean == 4.0
    assert math.isnan(of_means([4.0]).half)
    assert math.isnan(of_means([math.nan]).mean)
    assert math.isnan(of_batches([1.0] * 5).mean)
