"""No hint gives the answer away: none of its numbers is one of the answer's."""

import importlib
import re

import numpy as np
import pytest

from companion.classroom import assignments
from companion.classroom.law import plain, told
from tests.classroom.solutions import given, solved

NUMBERS = (0, 1, 2, 4, 5, 6)


def modules(number):
    stem = f"a{number}_{assignments.find(number).name.replace('-', '_')}"
    laws = importlib.import_module(f"companion.classroom.scoring.laws.{stem}")
    return laws, importlib.import_module(f"tests.classroom.test_{stem}").MISTAKES


def numbers(whole):
    """All numbers in nested lists and dicts."""
    if isinstance(whole, dict):
        return [one for part in whole.values() for one in numbers(part)]
    if isinstance(whole, list | tuple):
        return [one for part in whole for one in numbers(part)]
    return [float(whole)] if isinstance(whole, int | float) else []


@pytest.mark.parametrize("number", NUMBERS)
def test_a_hint_holds_no_number_of_the_answer(number):
    laws, mistakes = modules(number)
    found = assignments.find(number)
    right = solved(found, given(found))
    for name, answer, _ in mistakes:
        for case in getattr(laws, f"draw_{name}")(np.random.default_rng(1)):
            wrong = plain(answer(*case.values()))
            said = told(getattr(laws, f"{name}_law"), case, wrong)
            if not said:
                continue
            known = numbers([plain(list(case.values())), wrong])
            truth = [one for one in numbers(plain(right[name](*case.values()))) if one % 1]
            if len(truth) > 20:  # among hundreds of weights some number is met by chance
                continue
            for text in re.findall(r"\d+\.\d{2,}", said):
                value = float(text)
                if any(np.isclose(value, one, rtol=2e-3) for one in known):
                    continue
                assert not np.isclose(truth, value, rtol=2e-3).any(), (name, said)
