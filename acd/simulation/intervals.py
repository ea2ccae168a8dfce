"""Confidence intervals, and how they are come by.

Two methods, both standard (A. M. Law, *Simulation Modeling and Analysis*, 5th ed., chapter 9):

- *replications*: independent runs of the same day, one mean each; Student's t with R - 1 degrees
  of freedom on the R means. Used for days, whose load changes by the hour.
- *batch means*: one long run of a steady system, its beginning left out (the system starts
  empty), the rest cut into equal batches; the batch means are treated like replications. 20 to 30
  batches, as B. Schmeiser recommends (Operations Research 30, 1982, pp. 556-568).
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BATCHES = 25


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the half width of its confidence interval (``nan`` when there is none)."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.mean + self.half

    def contains(self, value: float) -> bool:
        """Does the interval contain the value?"""
        return self.low <= value <= self.high


@functools.cache
def student_t(probability: float, freedom: int) -> float:
    """The quantile of Student's t distribution, for probabilities of at least 0.5.

    Integrates the density numerically, with the substitution t = sqrt(f) tan(u), which makes it
    cos(u)^(f-1) up to a constant: bounded and smooth. Good to six digits (see the tests).
    """
    u = np.linspace(0.0, math.pi / 2, 200_001)
    density = np.cos(u) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angle = float(np.interp(probability - 0.5, 0.5 * below / below[-1], u))
    return math.sqrt(freedom) * math.tan(angle)


def of_means(means: Sequence[float], confidence: float = 0.95) -> Interval:
    """The interval of independent, nearly normal means; those that are ``nan`` are left out."""
    known = np.array([mean for mean in means if not math.isnan(mean)])
    if not len(known):
        return Interval(math.nan, math.nan)
    if len(known) == 1:
        return Interval(float(known[0]), math.nan)
    error = float(known.std(ddof=1)) / math.sqrt(len(known))
    return Interval(float(known.mean()), student_t(0.5 + confidence / 2, len(known) - 1) * error)


def of_batches(
    samples: Sequence[float] | np.ndarray, confidence: float = 0.95, batches: int = BATCHES
) -> Interval:
    """Batch means of one steady run; what does not fill the batches is cut off at the front."""
    size = len(samples) // batches
    if not size:
        return Interval(math.nan, math.nan)
    tail = np.asarray(samples, dtype=float)[-size * batches :]
    return of_means([float(mean) for mean in tail.reshape(batches, size).mean(axis=1)], confidence)
