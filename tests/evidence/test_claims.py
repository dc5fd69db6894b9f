"""The verdict rule, the sentences built from numbers, and how a notebook shows them."""

import math

import numpy as np
import pytest

from companion.evidence import claims, published
from companion.evidence.summaries import Interval, Summary, difference, from_printed

THEIRS = published.summary("N", "I", "wr", "test_accuracy")
THEIR_BASE = published.summary("N", "I", "none", "test_accuracy")
OURS = from_printed(0.501, 0.003, 6)
BASE = from_printed(0.487, 0.004, 6)


def at(low: float, high: float) -> Summary:
    return Summary((low + high) / 2, 0.1, 5, low, high)


def gap(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


# The rule


@pytest.mark.parametrize("scale", ["quick", "book", "full"])
@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize(
    ("difference", "sign", "same"),
    [
        (gap(0.1, 0.3), 1, True),
        (gap(-0.3, -0.1), -1, True),
        (gap(0.1, 0.3), -1, False),
        (gap(-0.3, -0.1), 1, False),
        (gap(-0.1, 0.3), 1, False),
        (gap(-0.3, 0.1), -1, False),
        (gap(0.0, 0.3), 1, False),
    ],
)
def test_verdict_rule(scale, overlap, difference, sign, same):
    ours, theirs = at(1, 2), at(1.9, 3) if overlap else at(2.1, 3)
    found = claims.verdict(ours, theirs, difference, sign, scale)
    if not same:
        assert found == "not reproduced"
    elif overlap and scale == "full":
        assert found == "reproduced"
    else:
        assert found == "direction"
    assert found == claims.verdict(theirs, ours, difference, sign, scale)


def test_intervals_that_touch_overlap():
    assert claims.verdict(at(1, 2), at(2, 3), gap(1, 2), 1, "full") == "reproduced"


def test_one_run_reproduces_nothing():
    one = from_printed(0.6, 0, 1)
    claim = claims.compare(
        "WR", one, THEIRS, baseline=(BASE, THEIR_BASE), baseline_name="none", scale="full"
    )
    assert claim.verdict == "undecided"
    assert claim.sentence.endswith("1 run each cannot tell the paper's difference from none.")
    assert "ours 60.00 % (1 run, so no interval)" in claim.sentence
    assert "difference to none: ours +11.30 points (no interval)" in claim.sentence


def test_verdict_errors():
    with pytest.raises(ValueError, match="scale must be one of quick, book, full, got 'half'"):
        claims.verdict(OURS, THEIRS, gap(1, 2), 1, "half")
    for none in (0, math.nan):
        with pytest.raises(ValueError, match="difference must be a finite number other than 0"):
            claims.verdict(OURS, THEIRS, gap(1, 2), none, "full")
    for sign in (0, 2):
        with pytest.raises(ValueError, match=f"published_sign must be 1 or -1, got {sign}"):
            claims.direction("x", gap(1, 2), sign)
    with pytest.raises(ValueError, match=r"a verdict is one of reproduced, .*got 'proven'"):
        claims.Claim("x", "proven")


# The sentences


def test_compare_builds_the_sentence_from_the_numbers():
    claim = claims.compare(
        "Test accuracy of WR",
        OURS,
        THEIRS,
        baseline=(BASE, THEIR_BASE),
        baseline_name="none",
        scale="book",
        records=["mlp: 6 runs an arm"],
    )
    assert claim.sentence == (
        "Test accuracy of WR: ours 50.1 % (95 % interval 49.8 to 50.4, 6 runs), "
        "paper 50.08 % (95 % interval 49.98 to 50.18, 100 runs); difference to none: "
        "ours +1.4 points (+0.9 to +1.9), paper +1.36 points. "
        "At book scale the verdict is at most direction."
    )
    assert claim.verdict == "direction"
    assert (claim.ours, claim.theirs) == (OURS, THEIRS)
    assert claim.records == ("mlp: 6 runs an arm",)


def test_compare_at_full_scale_can_reproduce():
    claim = claims.compare(
        "WR", OURS, THEIRS, baseline=(BASE, THEIR_BASE), baseline_name="none", scale="full"
    )
    assert claim.verdict == "reproduced"
    assert claim.sentence.endswith("paper +1.36 points.")


def test_compare_takes_the_papers_sign_when_it_is_negative():
    theirs = published.summary("N", "I", "wd-1e-2", "test_accuracy")
    options = {"baseline": (BASE, THEIR_BASE), "baseline_name": "none", "scale": "full"}
    worse = claims.compare("WD", from_printed(0.48, 0.003, 6), theirs, **options)
    assert worse.verdict == "reproduced"
    assert "paper -0.72 points" in worse.sentence
    assert claims.compare("WD", OURS, theirs, **options).verdict == "not reproduced"


def test_compare_in_epochs():
    claim = claims.compare(
        "Mean best epoch of WR",
        from_printed(83.2, 9.0, 6),
        published.summary("N", "I", "wr", "best_epoch"),
        baseline=(from_printed(13.5, 2.0, 6), published.summary("N", "I", "none", "best_epoch")),
        baseline_name="none",
        scale="full",
        unit="epoch",
    )
    assert claim.sentence == (
        "Mean best epoch of WR: ours 83 (95 % interval 74 to 93, 6 runs), "
        "paper 76.01 (95 % interval 71.94 to 80.08, 100 runs); difference to none: "
        "ours +70 epochs (+60 to +79), paper +61.99 epochs."
    )


def test_compare_takes_the_difference_of_pairs_where_it_is_given():
    def told(gap=None):
        return claims.compare(
            "WR", OURS, THEIRS, baseline=(BASE, THEIR_BASE), baseline_name="none", scale="full",
            gap=gap,
        )  # fmt: skip

    assert told() == told(difference(OURS, BASE))
    pairs = told(Interval(0.014, -0.002, 0.030))
    assert "ours +1.4 points (-0.2 to +3.0)" in pairs.sentence
    assert (told().verdict, pairs.verdict) == ("reproduced", "undecided")


def test_compare_names_its_records():
    class Toy:
        name = "toy"

        def label(self):
            return "2 runs an arm"

    claim = claims.compare(
        "WR",
        OURS,
        THEIRS,
        baseline=(BASE, THEIR_BASE),
        baseline_name="none",
        scale="full",
        records=[Toy()],
    )
    assert claim.records == ("toy: 2 runs an arm",)


def test_prose_is_guarded():
    claims.require("two is more than one", 2 > 1)
    claims.require("so it is in NumPy", np.bool_(True))
    with pytest.raises(claims.Unsupported, match=r"says 'up is down', which .* \(toy: 2 runs\)"):
        claims.require("up is down", False, "toy: 2 runs")
    with pytest.raises(claims.Unsupported, match="no record"):
        claims.require("up is down", False)
    for number in (1, math.nan, None):
        with pytest.raises(TypeError, match="condition must be True or False, got"):
            claims.require("one is true", number)


def test_an_interval_that_holds_both_is_undecided_and_a_short_run_cannot_refute():
    assert claims.verdict(OURS, THEIRS, gap(-1, 2), 1.0, "full") == "undecided"
    assert claims.verdict(OURS, THEIRS, gap(-1, 0.5), 1.0, "full") == "not reproduced"
    assert claims.verdict(OURS, THEIRS, gap(-2, -1), 1.0, "full") == "not reproduced"
    assert claims.verdict(OURS, THEIRS, gap(-2, -1), 1.0, "full", short=True) == "undecided"
    assert claims.verdict(OURS, THEIRS, gap(1, 2), 1.0, "book", short=True) == "direction"


def test_compare_errors():
    with pytest.raises(ValueError, match="unit must be one of percent, epoch, number, got 'm'"):
        claims.compare("a", OURS, THEIRS, baseline=(BASE, BASE), baseline_name="b", scale="full", unit="m")  # fmt: skip  # noqa: E501
    with pytest.raises(ValueError, match="difference must be a finite number other than 0, got 0"):
        claims.compare("a", OURS, THEIRS, baseline=(BASE, THEIRS), baseline_name="none", scale="full")  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    ("half_width", "places"),
    [(0.3, 1), (0.12, 2), (0.0992, 2), (0.2, 1), (4.1, 0), (1.5, 1), (20, 0), (12, 0)],
)
def test_decimals_follow_the_interval(half_width, places):
    assert claims._decimals(half_width) == places


def test_decimals_without_an_interval():
    assert claims._decimals(math.inf) == claims._decimals(0) == claims._decimals(math.nan) == 2
    assert claims._decimals(1e-9) == 4


def test_not_run_and_not_built():
    claim = claims.not_run("Table V, AlexNet", "companion run alexnet", "about 3 GPU hours")
    assert claim.verdict == "not run"
    assert claim.sentence == (
        "Table V, AlexNet: not run; `companion run alexnet` runs it (about 3 GPU hours)."
    )
    claim = claims.not_built("Layer norm", "the paper only names it")
    assert claim.verdict == "not built"
    assert claim.sentence == "Layer norm: not built, because the paper only names it."


# Showing


def test_show_renders_a_badge_and_escapes_html():
    claim = claims.Claim("a < b & `x_1` *star*", "not reproduced", records=("<r>: 2 runs",))
    shown = claims.show(claim, claims.Claim("fine", "reproduced"))
    page = shown._repr_html_()
    assert page.startswith('<ul class="claims"><li><span class="verdict verdict-not-reproduced" ')
    assert ">not reproduced</span> a &lt; b &amp; <code>x_1</code> *star* " in page
    assert '<small class="claim-records">&lt;r&gt;: 2 runs</small>' in page
    assert '<span class="verdict verdict-reproduced" ' in page
    assert page.count("<li>") == page.count("</li>") == 2


def test_show_renders_markdown_with_markup_escaped_outside_code():
    claim = claims.Claim("a < b_1 `x_1` *star* [l] |", "direction", records=("mlp: 2 runs",))
    assert claims.show(claim)._repr_markdown_() == (
        "- **direction**: a \\< b\\_1 `x_1` \\*star\\* \\[l\\] \\|\n  *mlp: 2 runs*"
    )


def test_show_offers_every_form_to_the_notebook():
    shown = claims.show(claims.not_built("x", "y"))
    bundle = shown._repr_mimebundle_()
    assert bundle["text/html"] == shown._repr_html_()
    assert bundle["text/markdown"] == shown._repr_markdown_()
    assert bundle["text/plain"] == repr(shown) == "[not built] x: not built, because y."


def test_every_verdict_has_its_badge_and_its_meaning():
    for name, meaning in claims.MEANINGS.items():
        page = claims.show(claims.Claim("x", name))._repr_html_()
        kind = f"verdict-{name.replace(' ', '-')}"
        assert f'class="verdict {kind}"' in page
        assert meaning.split(",")[0].replace("'", "&#x27;") in page


def test_show_needs_a_claim():
    with pytest.raises(ValueError, match="show needs at least one claim, got none"):
        claims.show()
