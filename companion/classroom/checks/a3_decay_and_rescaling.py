"""Public checks of chapter 3's assignment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from companion.classroom.trying import finite, function
from companion.display.exercises import Reply, number, numbers


def kept_share(answer: Any) -> Reply:
    """The share of an idle weight that decay leaves: laws that any formula of it keeps.

    >>> kept_share(lambda steps, learning_rate, weight_decay, momentum: 1.0)
    Not yet: for steps = 300, learning_rate = 0.003, weight_decay = 0.004, momentum = 0.9, \
a decay must leave less than all of the weight.
    """

    def broken(case: dict[str, Any], kept: Any) -> str:
        kept = finite(kept)
        if not kept > 0:
            return f"something of a weight is always left, got {kept:.4g}"
        if not kept < 1:
            return "a decay must leave less than all of the weight"
        twice = answer(*(case | {"steps": 2 * case["steps"]}).values())
        if abs(twice / kept**2 - 1) > 0.02:
            return "twice the steps must leave the square of the share"
        without = answer(*(case | {"momentum": 0.0}).values())
        faster = math.log(kept) / math.log(without)
        pushes = sum(case["momentum"] ** k for k in range(200))
        if abs(faster / pushes - 1) > 0.02:
            return (
                "momentum repeats each pull at every later step, alpha times weaker each time; the "
                f"logarithm of the share must grow by that sum, and grows {faster:.3g} times"
            )
        one = answer(1, case["learning_rate"], case["weight_decay"], 0.0)
        pull = case["learning_rate"] * case["weight_decay"]
        if abs((1 - one) / pull - 1) > 0.02:
            return "the first step without momentum must take eta lambda of the weight"
        return ""

    cases = [
        {"steps": 300, "learning_rate": 3e-3, "weight_decay": 4e-3, "momentum": momentum}
        for momentum in (0.9, 0.0)
    ]
    return function(answer, cases, broken)


def halving_decay(answer: Any, given: dict[str, Any]) -> Reply:
    """The decay that halves an idle weight within the plan.

    >>> plan = {"images": 1000, "batch": 10, "epochs": 5, "learning_rate": 0.1, "momentum": 0.5}
    >>> halving_decay(0.1, plan)
    Not yet: SGD with this decay leaves 0 % of an idle weight after 500 steps.
    """

    def broken(strength: float) -> str:
        if not 0 < strength < 1:
            return f"a decay lies between 0 and 1, got {strength:g}"
        weight, velocity = 1.0, 0.0
        steps = given["epochs"] * given["images"] // given["batch"]
        for _ in range(steps):
            velocity = given["momentum"] * velocity + strength * weight
            weight -= given["learning_rate"] * velocity
        said = (
            f"SGD with this decay leaves {100 * weight:.0f} % of an idle weight after {steps} steps"
        )
        return "" if abs(weight - 0.5) < 0.02 else said

    return number(answer, broken)


def put_back(answer: Any) -> Reply:
    """WR's laws on random weights.

    >>> put_back(lambda weight, sigma: weight * sigma / weight.std())
    Not yet: for weight = an array (5, 40), sigma = 0.1, the mean must stay.
    """

    def broken(case: dict[str, Any], result: Any) -> str:
        before, sigma = case["weight"], case["sigma"]
        after = finite(result, before.shape)
        if abs(after.mean() - before.mean()) > 1e-3 * sigma:
            return "the mean must stay"
        if abs(after.std() / sigma - 1) > 0.01:
            return f"the standard deviation must be sigma, and is {after.std() / sigma:.3g} of it"
        along = np.corrcoef(before.ravel(), after.ravel())[0, 1]
        return "" if along > 0.9999 else "the direction of w less its mean must stay"

    return function(answer, _weights(sigma=0.1), broken)


def turned(answer: Any) -> Reply:
    """Laws of the cosine between the weights before and after WR.

    >>> turned(lambda mean, std, sigma: 1.0)
    Not yet: for mean = 0.1, std = 0.3, sigma = 0.05, a layer with a mean is turned: the cosine \
must be below 1.
    """

    def broken(case: dict[str, Any], cosine: Any) -> str:
        mean, std, sigma = case.values()
        cosine = finite(cosine)
        if cosine > 1 + 1e-9:
            return f"no cosine exceeds 1, got {cosine:.3g}: divide by lengths, not by their squares"
        if mean and not cosine < 1:
            return "a layer with a mean is turned: the cosine must be below 1"
        if not mean and abs(cosine - 1) > 1e-6:
            return "a layer without a mean keeps its direction: the cosine must be 1"
        if abs(answer(mean, sigma, std) - cosine) > 1e-6:
            return "the way back turns as far: std and sigma must be exchangeable"
        if abs(answer(2 * mean, 2 * std, 2 * sigma) - cosine) > 1e-6:
            return "a unit of measure turns nothing: twice all three must leave the cosine"
        if mean and abs(answer(mean, std, 0.0) - abs(mean) / math.hypot(mean, std)) > 1e-6:
            return "at sigma = 0 only the mean is left: what is its cosine with w?"
        return ""

    cases = [(0.1, 0.3, 0.05), (-0.2, 0.1, 0.4), (0.0, 0.3, 0.05)]
    named = [dict(zip(("mean", "std", "sigma"), case, strict=True)) for case in cases]
    return function(answer, named, broken)


def unit_norms(answer: Any) -> Reply:
    """WRS's laws on random weights.

    >>> unit_norms(lambda weight: weight / np.linalg.norm(weight))
    Not yet: for weight = an array (5, 40), every unit must have norm 1, and the norms reach \
from 0.36 to 0.54.
    """

    def broken(case: dict[str, Any], result: Any) -> str:
        before = case["weight"]
        after = finite(result, before.shape)
        norms = np.linalg.norm(after, axis=1)
        if np.abs(norms - 1).max() > 1e-3:
            reach = f"{norms.min():.2f} to {norms.max():.2f}"
            return f"every unit must have norm 1, and the norms reach from {reach}"
        cosines = (before * after).sum(1) / np.linalg.norm(before, axis=1)
        return "" if cosines.min() > 0.999 else "every unit must keep its direction"

    return function(answer, [{"weight": case["weight"]} for case in _weights(sigma=1)], broken)


def interval(answer: Any, given: dict[str, Any]) -> Reply:
    """Laws of Welch's 95 % interval of WR less WD.

    >>> cells = {"wr": {"mean": 50, "std": 0.5}, "wd": {"mean": 51, "std": 0.5}, "runs": 10}
    >>> interval((-1.1, -0.9), cells)
    Not yet: it reaches 0.447 standard errors to each side, and 95 % need more than 1.96.
    """
    wr, wd, runs = given["wr"], given["wd"], given["runs"]
    error = math.hypot(wr["std"], wd["std"]) / math.sqrt(runs)

    def broken(low: float, high: float) -> str:
        if not low < high:
            return "the low end comes first"
        if abs((low + high) / 2 - (wr["mean"] - wd["mean"])) > 0.01:
            return "its middle must be the printed difference, WR less WD"
        reach = (high - low) / 2 / error
        if reach <= 1.97:
            return (
                f"it reaches {reach:.3g} standard errors to each side, and 95 % need more than 1.96"
            )
        return "" if reach < 2.4 else f"it reaches {reach:.3g} standard errors to each side"

    return numbers(answer, 2, broken)


def arms(answer: Any, given: dict[str, Any]) -> Reply:
    """Whether an arm is named for each curve; which is right is yours to find.

    >>> arms({"A": "wr", "B": "wr"}, {"curves": {"A": [], "B": []}})
    Not yet: each arm has one curve: none, wd-weak, wd-strong and wr.
    """
    curves = given["curves"]
    if not isinstance(answer, dict) or set(answer) != set(curves):
        return Reply(False, f"Not yet: name an arm for each of {', '.join(curves)}.")
    if sorted(map(str, answer.values())) != ["none", "wd-strong", "wd-weak", "wr"]:
        return Reply(False, "Not yet: each arm has one curve: none, wd-weak, wd-strong and wr.")
    for letter, arm in answer.items():
        curve = np.array(curves[letter])
        if arm == "wr" and abs(curve[2] / curve[0] - 1) > 0.01:
            return Reply(False, f"Not yet: {letter} does not come back to where it began.")
        if arm == "none" and (np.diff(curve) < 0).any():
            return Reply(False, f"Not yet: {letter} falls, and nothing pulls at this arm.")
    return Reply(True, "Right in form: each arm has one curve.")


def _weights(sigma: float) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    return [{"weight": random.normal(mean, 0.2, (5, 40)), "sigma": sigma} for mean in (0.05, -0.3)]
