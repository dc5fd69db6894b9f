"""What S claims of remedies and normalization, repeated."""

from __future__ import annotations

import pandas as pd

from companion.chapters.toolbox import normalization
from companion.chapters.toolbox.experiments import features
from companion.evidence import claims, records
from companion.evidence.claims import Claim
from companion.evidence.records import Record
from companion.evidence.summaries import Interval, paired_difference

SOURCE = "S"
P_DROP = 0.5


def repeated() -> list[Claim]:
    """The claims, from the records that ship, and by hand."""
    dropped = records.recorded("dropout-features-digits-book")
    mnist = records.recorded("remedies-lenet5-mnist-t10k-book")
    return [
        useful(dropped),
        independent(dropped),
        better_fit(mnist),
        faster(mnist),
        degrees_of_freedom(),
        entangled(),
    ]


def _ends(record: Record, arm: str) -> pd.DataFrame:
    rows = record.epochs[record.epochs["epoch"] == record.epochs["epoch"].max()]
    return rows[rows["arm"] == arm].sort_values("seed")


def _gap(record: Record, arm: str, quantity: str) -> Interval:
    return paired_difference(_ends(record, arm)[quantity], _ends(record, "none")[quantity])


def useful(record: Record) -> Claim:
    """Does dropout make a unit more useful by itself? record: of `features.EXPERIMENT`."""
    arm = features.arm_name(P_DROP)
    gap = _gap(record, arm, "class_share")
    return claims.direction(
        f"Useful features: at p = {P_DROP:g} the share of a hidden unit's variance that lies "
        f"between classes is {100 * gap.estimate:.1f} points ({100 * gap.low:.1f} to "
        f"{100 * gap.high:.1f}) above that without dropout; the slides say that dropout drives "
        "towards useful features.",
        gap,
        published_sign=1,
        records=[record],
    )


def independent(record: Record) -> Claim:
    """Do units rely less on others? record: of `features.EXPERIMENT`."""
    arm = features.arm_name(P_DROP)
    gap = _gap(record, arm, "half_accuracy")
    same = _gap(record, arm, "unit_correlation")
    return claims.direction(
        f"Relying on others: with half of the units gone, {100 * gap.estimate:.1f} points "
        f"({100 * gap.low:.1f} to {100 * gap.high:.1f}) more of the images are right than without "
        f"dropout, though two units correlate more, by {100 * same.estimate:.1f} points; the "
        "slides say that a unit relies less on the others.",
        gap,
        published_sign=1,
        records=[record],
    )


def better_fit(record: Record) -> Claim:
    """Does dropout give a lower test error? record: of `remedies.EXPERIMENT`."""
    gap = _gap(record, "dropout-0.5", "test_accuracy")
    return claims.direction(
        f"Lower test error: LeNet-5 with dropout {P_DROP:g} ends {100 * gap.estimate:+.2f} points "
        f"of test accuracy ({100 * gap.low:+.2f} to {100 * gap.high:+.2f}) from the one without; "
        "the slides show an example in which dropout lowers the test error.",
        gap,
        published_sign=1,
        records=[record],
    )


def faster(record: Record) -> Claim:
    """Is training with batch norm ahead after the first epoch? record: of
    `remedies.EXPERIMENT`."""
    first = record.epochs[record.epochs["epoch"] == 1].sort_values("seed")
    loss = {arm: rows["train_loss"].to_numpy() for arm, rows in first.groupby("arm")}
    gap = paired_difference(loss["batch"], loss["none"])
    return claims.direction(
        f"Faster convergence: after one epoch the training loss of LeNet-5 with batch norm is "
        f"{gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) from that of the plain one; the "
        "slides say that it converges faster.",
        gap,
        published_sign=-1,
        records=[record],
    )


def degrees_of_freedom() -> Claim:
    """Does batch norm remove the scale and shift of the layer below?"""
    moved = normalization.invariances()
    worst = max(
        moved[said]["batch"] for said in ("one unit's weights times 10", "one unit's bias plus 10")
    )
    return Claim(
        f"Scale and shift: with almost no eps, ten times a unit's weights, and ten added to its "
        f"bias, move the output of batch norm by {worst:.0e} of itself at most; the slides say "
        "that it removes both degrees of freedom.",
        "holds" if worst < 1e-9 else "does not hold",
    )


def entangled() -> Claim:
    """Does layer norm tie the units of a layer together?"""
    reach = {
        kind: float(normalization.ties(kind)[0, 1:].abs().max()) for kind in ("batch", "layer")
    }
    return Claim(
        f"Entangled units: the derivative of a unit's output by another unit's pre-activation is "
        f"up to {reach['layer']:.2f} behind layer norm and {reach['batch']:.0e} behind batch norm; "
        "the slides say that layer norm entangles the neurons of a layer.",
        "holds" if reach["layer"] > 0.01 and reach["batch"] < 1e-12 else "does not hold",
    )
