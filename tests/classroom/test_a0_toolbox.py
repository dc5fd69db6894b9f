"""Likely mistakes in assignment 0 get their hint and lose points; other right ways do not."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from companion.classroom.checks import a0_toolbox as check
from companion.evidence.corrections import holm
from tests.classroom.solutions import costs, exercises, passes

EXERCISE = exercises(0)


def masked(kept=lambda p: 1 - p, factors=lambda p: (1 / (1 - p), 1 - p), swap=False):
    """`dropped` with another share that is kept, or other factors."""

    def answer(signal, p_drop, form, training, seed):
        mask = np.random.default_rng(seed).random(signal.shape) < kept(p_drop)
        in_training, in_evaluation = factors(p_drop)
        if (form == "classic") != swap:
            return signal * mask if training else in_evaluation * signal
        return signal * mask * in_training if training else signal

    return answer


def stop(more=0, gain=None, last=False, report=lambda epoch, best, losses: (epoch, best)):
    def answer(losses, patience, smallest):
        best, least = 0, smallest if gain is None else gain
        since = 0
        for epoch in range(1, len(losses)):
            since += 1
            if losses[epoch] < losses[epoch - 1 if last else best] - least:
                best, since = epoch, 0
            elif since >= patience + more:
                return report(epoch, best, losses)
        return report(len(losses) - 1, best, losses)

    return answer


def batch(axis=(0, 2, 3), y_ddof=0, ddof=1, weight=lambda m: m, always=False, moves=False):
    def answer(x, mean, variance, momentum, training):
        m = weight(momentum)
        new = (x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3), ddof=ddof))
        center = x.mean(axis=axis, keepdims=True)
        spread = x.var(axis=axis, keepdims=True, ddof=y_ddof)
        if not (training or always):
            center, spread = (one[None, :, None, None] for one in (mean, variance))
        if training or moves:
            mean, variance = (1 - m) * mean + m * new[0], (1 - m) * variance + m * new[1]
        return (x - center) / np.sqrt(spread + 1e-5), mean, variance

    return answer


def interval(ddof=1, error=None, free=None, level=0.975, sign=1.0):
    """Welch's interval with one of its parts changed."""

    def answer(a, b):
        e = [np.var(arm, ddof=ddof) / len(arm) for arm in (a, b)]
        n = [len(a), len(b)]
        wide = math.sqrt(sum(e)) if error is None else error(a, b)
        degrees = sum(e) ** 2 / sum(x * x / (k - 1) for x, k in zip(e, n, strict=True))
        degrees = degrees if free is None else free(n)
        gap, reach = sign * (np.mean(a) - np.mean(b)), stats.t.ppf(level, degrees) * wide
        return gap, gap - reach, gap + reach

    return answer


def pooled(a, b):
    n, m = len(a), len(b)
    squares = (n - 1) * np.var(a, ddof=1) + (m - 1) * np.var(b, ddof=1)
    return math.sqrt(squares / (n + m - 2) * (1 / n + 1 / m))


def by_steps(times=None, carry=True, back=True, cap=True):
    def answer(pvalues):
        raw, order = np.array(pvalues), np.argsort(pvalues)
        m = len(raw)
        ordered = raw[order] * (times(m) if times else m - np.arange(m))
        ordered = np.maximum.accumulate(ordered) if carry else ordered
        ordered = np.minimum(1, ordered) if cap else ordered
        if not back:
            return ordered
        found = np.empty(m)
        found[order] = ordered
        return found

    return answer


def hochberg(pvalues):
    return stats.false_discovery_control(pvalues)


def p_by(method="exact", alternative="two-sided"):
    def answer(a, b):
        side = alternative
        if side == "ahead":
            wins = sum(x > y for x in a for y in b)
            side = "greater" if wins > len(a) * len(b) / 2 else "less"
        return stats.mannwhitneyu(a, b, alternative=side, method=method).pvalue

    return answer


def farther(a, b):
    """Leaves out the splits that lie just as far out as the one seen."""
    wins, n, m = sum(x > y for x in a for y in b), len(a), len(b)
    one = max(wins, n * m - wins) + 1
    ranks = np.arange(1, n + m + 1)
    sums = [sum(c) - n * (n + 1) / 2 for c in itertools.combinations(ranks, n)]
    return max(np.mean([max(u, n * m - u) >= one for u in sums]), 1e-9)


def friends_dropped(signal, p_drop, form, training, seed):
    if not training:
        return signal
    kept = np.random.default_rng(seed).random(signal.shape[1]) >= p_drop
    return signal * kept / (1 - p_drop if form == "inverted" else 1.0)


def friends_stop(losses, patience, smallest):
    stopped, _ = stop(last=True)(losses, patience, smallest)
    return stopped, int(np.argmin(losses))


MISTAKES = [
    ("dropped", masked(kept=lambda p: p, factors=lambda p: (1 / p, p)), "probability of a zero"),
    ("dropped", masked(factors=lambda p: (1 / p, p)), "not by p_drop"),
    ("dropped", masked(factors=lambda p: (1.0, 1.0)), "makes up for what is dropped"),
    ("dropped", masked(swap=True), "makes up for|one of the two modes"),
    ("dropped", masked(factors=lambda p: (1 / (1 - p) ** 2, (1 - p) ** 2)), "one of the two modes"),
    ("dropped", lambda s, *_: s * (np.arange(s.size) % 7 > 2).reshape(s.shape), "nothing is|%"),
    ("dropped", friends_dropped, "a mask of its own"),
    ("dropped", lambda s, *_: s, "0% of the numbers are zero"),
    ("early_stop", friends_stop, "not with the one before|no epoch after|by hand"),
    ("early_stop", stop(more=1), "count again"),
    ("early_stop", stop(gain=0.0), "is no gain"),
    ("early_stop", stop(last=True), "not with the one before"),
    ("early_stop", stop(report=lambda epoch, best, losses: (epoch, epoch)), "whose weights"),
    ("early_stop", stop(report=lambda epoch, best, losses: (best, epoch)), "whose weights"),
    ("early_stop", lambda all_, *_: (len(all_) - 1, int(np.argmin(all_))), "no epoch after"),
    ("early_stop", lambda all_, patience, _: (patience, 0), "by hand"),
    ("normalized", batch(axis=0), "a channel, over images|each channel of y has"),
    ("normalized", batch(axis=(0, 1, 2, 3)), "each channel of y has mean 0"),
    ("normalized", batch(y_ddof=1), "with n and not n - 1"),
    ("normalized", batch(ddof=0), "the unbiased one"),
    ("normalized", batch(weight=lambda m: 1 - m), "weight of the new batch"),
    ("normalized", batch(weight=lambda m: 0.0), "moves towards"),
    ("normalized", batch(always=True), "does not see its batch"),
    ("normalized", batch(moves=True), "changes no running statistics"),
    ("normalized", lambda x, *_: x, "three arrays"),
    ("welch", interval(ddof=0), "divides by n - 1"),
    ("welch", interval(error=pooled, free=lambda n: sum(n) - 2), "by its own runs"),
    ("welch", interval(free=lambda n: 1e9), "1.96 is for many runs"),
    ("welch", interval(free=lambda n: sum(n) - 2), "fewer than n"),
    ("welch", interval(level=0.95), "2.5 % on each side"),
    ("welch", interval(level=0.9), "standard errors to each side"),
    ("welch", interval(sign=-1.0), "a less b"),
    ("welch", lambda a, b: (np.mean(a) - np.mean(b), 0.0, 1.0), "evenly"),
    ("adjusted", by_steps(times=lambda m: m), "Bonferroni"),
    ("adjusted", by_steps(carry=False), "carry the largest"),
    ("adjusted", by_steps(back=False), "are sorted"),
    ("adjusted", lambda pvalues: np.array(pvalues) * 100, "at most 1"),
    ("adjusted", lambda pvalues: np.array(pvalues) / 2, "no p-value smaller"),
    ("adjusted", hochberg, "Benjamini"),
    ("adjusted", by_steps(times=lambda m: np.ones(m)), "how many are judged"),
    ("exact_p", p_by(alternative="ahead"), "one side"),
    ("exact_p", p_by(method="asymptotic"), "a whole number of them"),
    ("exact_p", farther, "counts too|one side"),
    ("exact_p", lambda a, b: 0.0, "above 0"),
]


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_a_hint_and_loses_points(name, answer, hint):
    costs(0, name, answer, hint, share=0.75)


def by_torch(x, mean, variance, momentum, training):
    running = [torch.tensor(one) for one in (mean, variance)]
    y = torch.nn.functional.batch_norm(torch.tensor(x), *running, None, None, training, momentum)
    return y, *running


def by_torch_dropout(signal, p_drop, form, training, seed):
    torch.manual_seed(seed)
    scale = 1 - p_drop if form == "classic" else 1.0
    return scale * torch.nn.functional.dropout(torch.tensor(signal), p_drop, training)


def by_scipy(a, b):
    test = stats.ttest_ind(a, b, equal_var=False)
    ends = test.confidence_interval(0.95)
    return np.mean(a) - np.mean(b), ends.low, ends.high


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("dropped", by_torch_dropout),
        ("early_stop", lambda *given: np.array(stop()(*given))),
        ("normalized", by_torch),
        ("welch", by_scipy),
        ("adjusted", holm),
        ("exact_p", p_by()),
    ],
)
def test_another_right_way_passes(name, answer):
    passes(0, name, answer)


@pytest.mark.parametrize("seed", range(4))
def test_a_table_has_differences_that_hold_only_alone(seed):
    (given,) = EXERCISE["holds"].draw(np.random.default_rng(seed))
    alone = []
    for row in given["rows"]:
        arm, base = row["arm"], row["base"]
        e = [one["std"] ** 2 / one["runs"] for one in (arm, base)]
        free = sum(e) ** 2 / sum(
            x * x / (one["runs"] - 1) for x, one in zip(e, (arm, base), strict=True)
        )
        t = (arm["mean"] - base["mean"]) / math.sqrt(sum(e))
        alone.append(2 * stats.t.sf(abs(t), free))
    names = [row["name"] for row in given["rows"]]
    right = [name for name, p in zip(names, holm(alone), strict=True) if p <= 0.05]
    tempting = [name for name, p in zip(names, alone, strict=True) if p <= 0.05]
    assert set(right) < set(tempting)
    assert EXERCISE["holds"].mark([given], [right]).share == 1
    assert EXERCISE["holds"].mark([given], [tempting]).share == len(right) / len(tempting)
    assert "Right in form" in check.holds(tempting[:1], given).text
