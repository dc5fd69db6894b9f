"""What N's figures and Table I say in words, repeated."""

from __future__ import annotations

from companion.evidence import claims, published, readings, records, selection, summaries
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval, Summary

SOURCE = "N"


def repeated() -> list[Claim]:
    """The claims, from the record at the paper's size."""
    return claims_of(records.recorded("weight-rescaling-mlp-cifar10-jpeg-full"))


def claims_of(record: Record) -> list[Claim]:
    """What the paper's figures 1, 2, 3 and 7 say in words, each sentence computed from a record
    of `mlp.MLP` and judged by its sign."""
    return [
        _weights_grow(record),
        *_overfitting(record),
        _generalization(record),
        _slower(record),
        _hidden_variance(record),
    ]


def _weights_grow(record: Record) -> Claim:
    ours = readings.growth(record.layers, "none", "weight_std", layer=1)
    return claims.direction(
        "Figure 1, weights grow: without regularization the weight std of layer 1 ends at "
        f"{_times(ours)} its start; the paper tells of 0.03 growing to 0.17, more than fivefold.",
        Interval(ours.mean - 1, ours.low - 1, ours.high - 1),
        published_sign=1,
    )


def _overfitting(record: Record) -> list[Claim]:
    none = readings.fall_after_best(record.epochs, "none")
    wr = readings.fall_after_best(record.epochs, "wr")
    falls = wr.low > 0
    return [
        claims.direction(
            "Figure 3, overfitting: from its best epoch to its last a run without regularization "
            f"loses {_points(none)} of test accuracy; the paper shows a peak and a fall.",
            Interval(none.mean, none.low, none.high),
            published_sign=1,
        ),
        Claim(
            f"Figure 3, no fall: a rescaled run loses {_points(wr)}; the paper's figure shows no "
            "fall.",
            "not reproduced" if falls else "undecided",
        ),
    ]


def _generalization(record: Record) -> Claim:
    wr = summaries.summary(readings.final_generalization_error(record.epochs, "wr"))
    decay = summaries.summary(readings.final_generalization_error(record.epochs, "wd-1e-3"))
    none = summaries.summary(readings.final_generalization_error(record.epochs, "none"))
    return claims.direction(
        "Figure 2, generalization error after the last epoch: "
        f"{_value(none)} without regularization, {_value(decay)} with weight decay 0.001, "
        f"{_value(wr)} with rescaling; the paper puts rescaling slightly below that decay.",
        summaries.difference(wr, decay),
        published_sign=-1,
    )


def _slower(record: Record) -> Claim:
    best = selection.by_arm(selection.best_epoch(record.epochs), "best_epoch")
    theirs = [published.value("N", "I", arm, "best_epoch") for arm in ("wr", "wd-1e-3")]
    return claims.direction(
        f"Table I, speed: the best epoch is {_value(best['wr'], 1)} with rescaling and "
        f"{_value(best['wd-1e-3'], 1)} with weight decay 0.001; in the paper {theirs[0]:.1f} and "
        f"{theirs[1]:.1f}, so rescaling is the slower one.",
        summaries.difference(best["wr"], best["wd-1e-3"]),
        published_sign=1,
    )


def _hidden_variance(record: Record) -> Claim:
    none = readings.growth(record.layers, "none", "preactivation_variance", layer=2)
    wr = readings.growth(record.layers, "wr", "preactivation_variance", layer=2)
    return claims.direction(
        "Figure 7, the hidden layer: its pre-activation variance ends at "
        f"{_times(none)} its start without regularization and at {_times(wr)} with rescaling; "
        "the paper shows unlimited growth in the first case and a bound in the second.",
        summaries.difference(none, wr),
        published_sign=1,
    )


def _value(ours: Summary, digits: int = 2) -> str:
    return f"{ours.mean:.{digits}f} ({ours.low:.{digits}f} to {ours.high:.{digits}f})"


def _times(ours: Summary) -> str:
    return f"{ours.mean:.3g} times ({ours.low:.3g} to {ours.high:.3g})"


def _points(ours: Summary) -> str:
    return f"{100 * ours.mean:.2f} points ({100 * ours.low:.2f} to {100 * ours.high:.2f})"
