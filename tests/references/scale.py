"""Weight rescaling by its formulas, one number at a time, float64."""

import math

import numpy as np


def wr(weight: np.ndarray, sigma: float) -> np.ndarray:
    """N eqs. 11-12: ``z = (w - mean) / std``, ``w <- z sigma + mean`` over one layer."""
    values = [float(w) for w in weight.flat]
    mean = math.fsum(values) / len(values)
    std = math.sqrt(math.fsum((w - mean) ** 2 for w in values) / len(values))
    return np.array([(w - mean) / std * sigma + mean for w in values]).reshape(weight.shape)


def wrs(weight: np.ndarray) -> np.ndarray:
    """Each output unit's weights [out, ...] over their L2 norm."""
    units = [unit / math.sqrt(math.fsum(float(w) ** 2 for w in unit.flat)) for unit in weight]
    return np.stack(units)


def kaiming(fan_in: int, gain: float) -> float:
    """N eq. 7."""
    return gain / math.sqrt(fan_in)
