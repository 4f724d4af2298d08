"""Random numbers within the bounds of a JSON Schema."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from toolgym.sampling._schemas import number

__all__ = ["sample_integer", "sample_number"]

_LARGEST = 2.0**53
_WIDEST = 2**62
_TRIES = 40


def sample_integer(schema: Mapping[str, Any], rng: np.random.Generator) -> int:
    """A whole number."""
    least, most, open_least, open_most = _bounds(schema)
    low, high = math.ceil(least), math.floor(most)
    low += low == least and open_least
    high -= high == most and open_most
    given = number(schema, "multipleOf")
    # The whole numbers among the multiples of a fraction are the multiples of its numerator.
    step = abs(Fraction(str(given)).numerator) if given else 1
    low, high = -(-low // step), high // step
    width = min(max(low, high) - low, _WIDEST)
    return (low + int(rng.integers(0, width + 1))) * step


def sample_number(schema: Mapping[str, Any], rng: np.random.Generator) -> tuple[float, bool]:
    """A number, and whether it is certain to fit: a multiple of a fraction may be none in floating-point numbers."""
    least, most, open_least, open_most = _bounds(schema)
    step = number(schema, "multipleOf")
    if step:
        return _multiple(Fraction(str(abs(step))), least, most, rng, open_least, open_most)
    low, high = float(least), float(most)
    value = round(float(rng.uniform(low, high)), 2) if high - low > 1 else low
    excluded = (open_least and value == low) or (open_most and value == high)
    return (value if low <= value <= high and not excluded else low + (high - low) / 2), True


def _multiple(
    step: Fraction, least: float, most: float, rng: np.random.Generator, open_least: bool, open_most: bool
) -> tuple[float, bool]:
    low, high = math.ceil(Fraction(least) / step), math.floor(Fraction(most) / step)
    low += open_least and low * step == Fraction(least)
    high -= open_most and high * step == Fraction(most)
    value = 0.0
    for _ in range(_TRIES):
        exact = (low + int(rng.integers(0, min(max(low, high) - low, _WIDEST) + 1))) * step
        value = int(exact) if exact.denominator == 1 else float(exact)
        if step.denominator == 1 or (value / float(step)).is_integer():
            return value, True
    return value, False


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float, bool, bool]:
    """Least and most, ten apart (or ten steps) where only one is said, and whether each is excluded itself."""
    low, high = number(schema, "minimum"), number(schema, "maximum")
    above, below = number(schema, "exclusiveMinimum"), number(schema, "exclusiveMaximum")
    open_low = schema.get("exclusiveMinimum") is True or (above is not None and (low is None or above >= low))
    open_high = schema.get("exclusiveMaximum") is True or (below is not None and (high is None or below <= high))
    if above is not None and open_low:
        low = above
    if below is not None and open_high:
        high = below
    span = max(10, 10 * abs(number(schema, "multipleOf") or 1))
    if low is None:
        low = 0 if high is None or high > 0 else high - span
    if high is None:
        high = low + span
    if high > -_LARGEST:
        low = max(low, -_LARGEST)
    if low < _LARGEST:
        high = min(high, _LARGEST)
    return low, high, open_low, open_high
