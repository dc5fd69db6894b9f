"""Assignment 0: dropout in two forms, early stopping, batch normalization, tests by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from scipy import stats

from companion.classroom.law import Given, close
from companion.classroom.marking import Unreadable, array, number


def draw_dropped(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """A batch, the probability of a zero, which form of dropout, which mode, and a seed."""
    return [
        {
            "signal": generator.uniform(0.5, 1.5, (25, 40)).round(3),
            "p_drop": float(generator.choice([0.1, 0.2, 0.3, 0.7])),
            "form": ("inverted", "classic")[index // 2 % 2],
            "training": index % 4 in (0, 3),
            "seed": int(generator.integers(2**31)),
        }
        for index in range(count)
    ]


def dropped_law(given: Given, answer: Any) -> str:
    """A share p_drop is 0 in training; the mean is the same in training and in evaluation."""
    signal, p, form, training, _ = given.values()
    signal = np.array(signal)
    found = array(answer, signal.shape)
    zeros = float(np.mean(found == 0))
    if not training and zeros:
        return "in evaluation nothing is dropped"
    same = np.array_equal(found == 0, np.broadcast_to(found[0] == 0, found.shape))
    if training and zeros and same:
        return "all images lose the same units: each has a mask of its own"
    chance = 5 * math.sqrt(p * (1 - p) / signal.size)
    if training and abs(zeros - p) > chance:
        if abs(zeros - (1 - p)) < chance:
            return f"p_drop is the probability of a zero, and {zeros:.0%} of the numbers are zero"
        return f"{zeros:.0%} of the numbers are zero, and in training a share p_drop is"
    factors = (found / signal)[found != 0]
    if len(factors) == 0 or not close(factors, np.full_like(factors, factors[0]), 1e-6):
        return "a number is dropped, or multiplied by a factor that all share"
    right = {("inverted", True): 1 / (1 - p), ("classic", False): 1 - p}.get((form, training), 1.0)
    if close(factors[0], right):
        return ""
    if close(factors[0], p) or close(factors[0] * p, 1):
        return "a share 1 - p_drop is kept, so the mean changes by that factor, not by p_drop"
    if close(factors[0], 1.0):
        mode = "training" if training else "evaluation"
        return f"the {form} form makes up for what is dropped, and in {mode}"
    return (
        "the mean in training, over masks, must be the one in evaluation, and only one of the two "
        "modes has a factor"
    )


def draw_early_stop(generator: np.random.Generator, count: int = 10) -> list[dict]:
    """Validation losses that fall, then rise, with noise, a patience and a smallest gain, on which
    the rule's near relatives end elsewhere."""
    inputs: list[dict] = []
    while len(inputs) < count:
        epochs, patience = int(generator.integers(18, 30)), int(generator.integers(2, 6))
        curve = 1 / (1 + np.arange(epochs)) + 0.02 * np.arange(epochs)
        losses = (curve + generator.normal(0, 0.03, epochs)).round(3).tolist()
        smallest = (0.0505, 0.0, 0.0505)[len(inputs) % 3]  # losses have three digits: no ties
        right = _stopped(losses, patience, smallest)
        lasts = _stopped(losses, patience, smallest, against_best=False)
        if right not in (lasts, _stopped(losses, patience, 0.0) if smallest else None):
            inputs.append({"losses": losses, "patience": patience, "smallest": smallest})
    return inputs


def early_stop_law(given: Given, answer: Any) -> str:
    """The stated rule, told apart from its near relatives."""
    found = array(answer, (2,)).tolist()
    losses, patience, smallest = given.values()
    right = _stopped(losses, patience, smallest)
    if found == right:
        return ""
    if found in (right[::-1], [right[0], right[0]]):
        return "first the epoch at which training stops, then the one whose weights are kept"
    if found in [_stopped(losses, patience + more, smallest) for more in (-1, 1)]:
        return "count again: training stops in the patience-th epoch in a row without a gain"
    if smallest and found == _stopped(losses, patience, 0.0):
        return "an epoch that is better by less than the smallest gain is no gain"
    if found == _stopped(losses, patience, smallest, against_best=False):
        return "an epoch is compared with the best one so far, not with the one before it"
    if found[1] == float(np.argmin(losses)):
        return "the rule knows no epoch after the one at which it stops"
    return "go through the losses by hand, with the best one so far beside each"


def _stopped(
    losses: list[float], patience: int, smallest: float, against_best: bool = True
) -> list[float]:
    """Where the rule stops and what it keeps; or the rule that looks at the last epoch alone."""
    best, since = 0, 0
    for epoch in range(1, len(losses)):
        since += 1
        if losses[epoch] < losses[best if against_best else epoch - 1] - smallest:
            best, since = epoch, 0
        elif since >= patience:
            return [float(epoch), float(best)]
    return [float(len(losses) - 1), float(best)]


def draw_normalized(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """A batch [N, C, H, W], the running statistics, their momentum, and the mode."""
    return [
        {
            "x": generator.normal(
                generator.normal(0, 1, (1, 3, 1, 1)), [[[[1.0]], [[2.0]], [[0.5]]]], (4, 3, 3, 2)
            ).round(3),
            "mean": generator.normal(0, 1, 3).round(3),
            "variance": generator.uniform(0.5, 2, 3).round(3),
            "momentum": float(generator.choice([0.1, 0.3])),
            "training": index % 3 != 2,
        }
        for index in range(count)
    ]


def normalized_law(given: Given, answer: Any) -> str:
    """One mean and variance a channel; the batch's in training, the running ones afterwards."""
    x, old_mean, old_variance, momentum, training = given.values()
    x, old_mean, old_variance = np.array(x), np.array(old_mean), np.array(old_variance)
    if not isinstance(answer, list) or len(answer) != 3:
        raise Unreadable("three arrays are asked for: y, and the two running statistics")
    y, mean, variance = (
        array(one, shape) for one, shape in zip(answer, (x.shape, (3,), (3,)), strict=True)
    )
    channel = (0, 2, 3)
    if not training:
        if not (close(mean, old_mean) and close(variance, old_variance)):
            return "evaluation changes no running statistics"
        scaled = np.sqrt(old_variance).reshape(1, 3, 1, 1)
        if close(y * scaled + old_mean.reshape(1, 3, 1, 1), x):
            return ""
        return "evaluation takes the running statistics, so that an image does not see its batch"
    if not (np.all(np.abs(y.mean(axis=channel)) < 1e-3)):
        return "over images and pixels each channel of y has mean 0"
    spread = y.var(axis=channel)
    if not close(spread, np.ones(3)):
        if close(spread, np.full(3, 1 - 1 / (x.size // 3))):
            return "y is divided by the root of the plain variance, with n and not n - 1"
        return f"each channel of y has variance 1, and yours have {spread.min():.3g} and more"
    by_hand = [x[:, channel].ravel() for channel in range(3)]
    if not close(y[:, 0].ravel(), (by_hand[0] - by_hand[0].mean()) / by_hand[0].std(), 5e-3):
        return "one mean and one variance a channel, over images and both sides of the image"
    means = np.array([one.mean() for one in by_hand])
    if not close(mean, (1 - momentum) * old_mean + momentum * means):
        if close(mean, momentum * old_mean + (1 - momentum) * means):
            return "in torch the momentum is the weight of the new batch"
        return "the running mean moves towards the batch's by a share, the momentum"
    for ddof, said in ((1, ""), (0, "the running variance is the unbiased one, with n - 1")):
        new = np.array([one.var(ddof=ddof) for one in by_hand])
        if close(variance, (1 - momentum) * old_variance + momentum * new, 1e-3):
            return said
    return "the running variance moves towards the batch's by the same share"


def draw_welch(generator: np.random.Generator, count: int = 6) -> list[dict]:
    """Accuracies of two arms with spreads and numbers of runs of their own."""
    return [
        {
            "a": generator.normal(50, 0.4, int(generator.integers(4, 7))).round(2).tolist(),
            "b": generator.normal(49.5, 1.5, int(generator.integers(8, 14))).round(2).tolist(),
        }
        for _ in range(count)
    ]


def welch_law(given: Given, answer: Any) -> str:
    """The middle is the difference; the reach is Student's, in standard errors of each arm."""
    middle, low, high = array(answer, (3,))
    a, b = np.array(given["a"]), np.array(given["b"])
    if not close(middle, a.mean() - b.mean()):
        if close(-middle, a.mean() - b.mean()):
            return "a less b is asked for"
        return "the first number is the difference of the means"
    if not low < high or not close((low + high) / 2, middle, 1e-2):
        return "the interval lies evenly around the difference, its low end first"
    reach = (high - low) / 2
    parts = np.array([one.var(ddof=1) / len(one) for one in (a, b)])
    error, runs = math.sqrt(parts.sum()), np.array([len(a), len(b)])
    free = parts.sum() ** 2 / (parts**2 / (runs - 1)).sum()
    if close(reach, stats.t.ppf(0.975, free) * error, 4e-3):
        return ""
    pooled = math.sqrt(((runs - 1) * parts * runs).sum() / (runs.sum() - 2) * (1 / runs).sum())
    if close(reach, stats.t.ppf(0.975, runs.sum() - 2) * pooled, 4e-3):
        return "the spreads of the arms differ, so each variance is divided by its own runs"
    small = parts * (runs - 1) / runs
    fewer = small.sum() ** 2 / (small**2 / (runs - 1)).sum()
    if close(reach, stats.t.ppf(0.975, fewer) * math.sqrt(small.sum()), 4e-3):
        return "a variance from few runs divides by n - 1"
    if close(reach, 1.96 * error, 4e-3):
        return "1.96 is for many runs: with few, Student's quantile is larger"
    if close(reach, stats.t.ppf(0.975, runs.sum() - 2) * error, 4e-3):
        return "the degrees of freedom are fewer than n + m - 2 when the spreads differ"
    if close(reach, stats.t.ppf(0.95, free) * error, 4e-3):
        return "95 % leave 2.5 % on each side"
    return f"it reaches {reach / error:.4g} standard errors to each side"


def draw_adjusted(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """P-values of comparisons that are judged together, in no order."""
    inputs = []
    for index in range(count):
        base = generator.uniform(0.005, 0.02)
        near = base * np.array([1, 1.05, 1.1, 1.15, 20, 40])[: 4 + index % 3]
        inputs.append({"pvalues": generator.permutation(near).round(5).tolist()})
    return inputs


def adjusted_law(given: Given, answer: Any) -> str:
    """The k-th smallest times m - k + 1, none below one before it, none above 1."""
    raw = np.array(given["pvalues"])
    found = array(answer, raw.shape)
    count, order = len(raw), np.argsort(raw)
    if np.any(found > 1 + 1e-12):
        return "a p-value is at most 1, an adjusted one too"
    ordered = found[order]
    if np.any(np.diff(ordered) < -1e-12):
        if np.all(np.diff(found) >= 0):
            return "yours are sorted: give them back in the order in which they came"
        return "a larger p-value cannot have the smaller adjusted one: carry the largest so far on"
    if close(found, np.minimum(1, count * raw)):
        return "that is Bonferroni's: once the smallest is judged, fewer are left"
    if np.any(found < raw - 1e-12):
        return "adjusting makes no p-value smaller"
    times = count - np.arange(count)
    steps = np.minimum(1, np.maximum.accumulate(times * raw[order]))
    if close(ordered, steps):
        return ""
    by_rank = raw[order] * count / np.arange(1, count + 1)
    if close(ordered, np.minimum(1, np.minimum.accumulate(by_rank[::-1])[::-1])):
        return "dividing by the rank is Benjamini and Hochberg's, which keeps another promise"
    return f"the smallest is multiplied by {ordered[0] / raw[order][0]:.3g}; how many are judged"


def draw_exact_p(generator: np.random.Generator, count: int = 8) -> list[dict]:
    """Accuracies of few runs, all different; most with an arm ahead."""
    inputs: list[dict] = []
    while len(inputs) < count:
        n, m = (int(one) for one in generator.integers(3, 6, 2))
        tenths = generator.permutation(40)[: n + m]
        a = 48 + (tenths[:n] + int(generator.integers(5, 20))) / 10
        b = 48.05 + tenths[n:] / 10  # half a tenth off: no ties
        if abs(np.sum(a[:, None] > b) - n * m / 2) >= 1:  # in the middle p is 1
            inputs.append({"a": a.round(2).tolist(), "b": b.round(2).tolist()})
    return inputs


def exact_p_law(given: Given, answer: Any) -> str:
    """The share of all splits whose U is at least as far from its middle as this one's."""
    found, a, b = number(answer), given["a"], given["b"]
    n, m = len(a), len(b)
    whole = math.comb(n + m, n)
    if not 0 < found <= 1:
        return "a p-value lies above 0 and is at most 1"
    ranks = stats.rankdata([*a, *b])
    middle = n * (n + m + 1) / 2
    mine = ranks[:n].sum() - middle
    sums = np.array([sum(one) for one in itertools.combinations(ranks, n)]) - middle
    far = int(np.sum(np.abs(sums) >= abs(mine) - 1e-9))
    if close(found * whole, far):
        return ""
    one_sided = int(np.sum(np.sign(mine) * sums >= abs(mine) - 1e-9))
    if close(found * whole, one_sided):
        return "that is one side; nobody said in advance which arm would be ahead"
    if close(found * whole, int(np.sum(np.abs(sums) > abs(mine) + 1e-9))):
        return "as far as yours counts too: the split that was seen is one of them"
    if not close(found * whole, round(found * whole), 1e-3):
        return f"{whole} splits are equally likely: p is a whole number of them, divided by {whole}"
    return (
        f"of {whole} splits yours counts {round(found * whole)}, and not those that lie as far out"
    )
