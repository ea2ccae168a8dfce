"""How long things take: the duration distributions that a traffic file can name.

All are given by their mean and, where that leaves something open, by their coefficient of
variation (standard deviation / mean), which is what people can estimate from reports.
"""

import math
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from acd.rules import Strict

Seconds = Annotated[float, Field(ge=0, le=7 * 86400)]
Mean = Annotated[float, Field(gt=0, le=7 * 86400)]


class Spread(Strict):
    """A mean and a coefficient of variation."""

    mean: Mean
    cv: Annotated[float, Field(gt=0, le=10)]


class Duration(Strict):
    """Seconds, drawn from exactly one of these."""

    exponential: Mean | None = None
    lognormal: Spread | None = None
    gamma: Spread | None = None
    fixed: Seconds | None = None
    empirical: Annotated[list[Seconds], Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("name exactly one of exponential, lognormal, gamma, fixed, empirical")
        return self

    @property
    def mean(self) -> float:
        """The mean in seconds."""
        if spread := self.lognormal or self.gamma:
            return spread.mean
        if self.empirical is not None:
            return sum(self.empirical) / len(self.empirical)
        return self.exponential or self.fixed or 0.0

    def draw(self, rng: np.random.Generator) -> float:
        """One duration in seconds."""
        if self.exponential is not None:
            return float(rng.exponential(self.exponential))
        if self.lognormal is not None:
            # mean = exp(m + s^2/2), cv^2 = exp(s^2) - 1
            variance = math.log1p(self.lognormal.cv**2)
            middle = math.log(self.lognormal.mean) - variance / 2
            return float(rng.lognormal(middle, math.sqrt(variance)))
        if self.gamma is not None:
            shape = self.gamma.cv**-2
            return float(rng.gamma(shape, self.gamma.mean / shape))
        if self.empirical is not None:
            return float(self.empirical[int(rng.integers(len(self.empirical)))])
        return self.fixed or 0.0


def fixed(seconds: float) -> Duration:
    """Always the same."""
    return Duration(fixed=seconds)
