"""Answers of the wrong kind earn nothing and are told so; right ones may be of many kinds."""

import numpy as np
import pandas as pd
import pytest

from companion.classroom import plain
from companion.classroom.exercise import Exercise, Failed, Mark
from companion.classroom.marking import array, difference, lawful, number, recomputed

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "a number was asked for and nothing came"),
        ("2", "a number was asked for and a text came"),
        (True, "a number was asked for and True or False came"),
        ([], "a number was asked for and a list of 0 came"),
        ([2, 2], "a number was asked for and a list of 2 came"),
        ({}, "a number was asked for and a dict came"),
        (NAN, "it holds NaN or infinity"),
        (-INF, "it holds NaN or infinity"),
        (10**400, "it holds NaN or infinity"),
        (3, "it is not the number asked for"),
        (Failed("it raises E"), "it raises E"),
    ],
)
def test_what_is_no_right_number_is_told_why(answer, said):
    assert recomputed(lambda: 2)([{}], [answer]) == Mark(0, said)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 2], r"shape \(2, 1\) was asked for and \(2,\) came"),
        ([[1], [NAN]], "it holds NaN or infinity"),
        ([[1], [INF]], "it holds NaN or infinity"),
        ([[1], [2, 3]], "an array of numbers was asked for and something else came"),
        ([["a"], ["b"]], "an array of numbers was asked for and something else came"),
        ([[10**400], [1]], "an array of numbers was asked for and something else came"),
        ([[True], [False]], "an array of numbers was asked for and something else came"),
        ("ab", "an array was asked for and a text came"),
        ({"a": 1}, "an array was asked for and a dict came"),
    ],
)
def test_what_is_no_array_of_finite_numbers_is_refused(answer, said):
    with pytest.raises(ValueError, match=said):
        array(answer, (2, 1))


def test_a_law_that_nothing_breaks_is_no_law_for_nan():
    mean_is_small = lawful(lambda given, w: "too large" if array(w).mean() > 1 else "")
    assert mean_is_small([{}], [[NAN]]).share == 0
    assert mean_is_small([{}], [[0.5]]).share == 1


def test_right_answers_may_be_rounded_and_of_many_kinds():
    assert difference(1 / 3, 0.333) == ""
    assert difference(1 / 3, [[0.333]]) == ""
    assert difference(np.eye(2), [[1, 0], [0, 1.001]]) == ""
    assert difference((1.0, "wr", True), [1, " WR", True]) == ""
    assert difference({"a": [1, 2]}, {"a": [1, 2.001]}) == ""
    assert difference(np.float64(2), 2) == ""
    assert difference(np.bool_(True), True) == ""
    assert number([5]) == 5


def test_wrong_ones_are_not_right_by_their_kind():
    assert difference(True, 1) == "True or False was asked for and a number came"
    assert difference(True, False) == "it is not the one asked for"
    assert difference("wr", "wd") == "it is not the one asked for"
    assert difference("wr", 1) == "a text was asked for and a number came"
    assert difference([1, 2], [1]) == "2 values were asked for and a list of 1 came"
    assert difference({"a": 1}, {"b": 1}) == "a dict with a was asked for"
    assert difference(np.eye(2), [[1, 1], [0, 1]]) == "1 of 4 numbers are wrong"


def test_all_or_nothing_is_that():
    inputs = [{"x": 1}, {"x": 2}]
    assert recomputed(lambda x: x)(inputs, [1, 5]).share == 0.5
    assert recomputed(lambda x: x, whole=True)(inputs, [1, 5]).share == 0
    assert recomputed(lambda x: x, whole=True)(inputs, [1, 2]) == Mark(1)


def test_answers_that_upset_scoring_earn_nothing():
    def upset(inputs, answers):
        return Mark(1 / answers[0])

    one = Exercise("one", 1, "a", "value", lambda generator: [{}], upset)
    said = "what came back cannot be scored ({})"
    assert one.mark([{}], [0]) == Mark(0, said.format("ZeroDivisionError"))
    assert one.mark([{}], ["a"]) == Mark(0, said.format("TypeError"))
    assert one.mark([{}], [0.1]) == Mark(0, said.format("ValueError"))  # a share of 10
    assert one.mark([{}], [1, 1]) == Mark(0, "2 answers came to 1 inputs")
    assert one.mark([{}], [1]) == Mark(1)


def test_plain_data_goes_in_and_comes_out():
    torch = pytest.importorskip("torch")
    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    inside = plain.unpacked(plain.packed({"w": w, "n": np.int64(2), "s": "a", "l": (1, 2.5)}))
    assert inside["w"].dtype == np.float32
    assert np.array_equal(inside["w"], w)
    assert (inside["n"], inside["s"], inside["l"]) == (2, "a", [1, 2.5])
    tensor = plain.unpacked(plain.packed(w), tensors=True)
    assert torch.equal(tensor, torch.from_numpy(w))
    assert plain.answered((tensor.requires_grad_(), w[0], np.float32(1))) == [
        w.tolist(),
        [0, 1, 2],
        1,
    ]
    assert plain.answered(pd.Series([1, 2.5])) == [1, 2.5]
    with pytest.raises(plain.Refused, match="and a complex is none"):
        plain.answered([1j])
    deep = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(plain.Refused, match="must nest at most 12 deep"):
        plain.answered(deep)
    with pytest.raises(ValueError, match="it nests too deep"):
        plain.parsed(b"[" * 10**6)
