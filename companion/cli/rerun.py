"""``companion verify --rerun``: one run of a record, trained again."""

from __future__ import annotations

from companion.cli import texts
from companion.cli.say import say
from companion.evidence.records import Record


def rerun(record: Record, seed: int | None, epochs: int | None) -> bool | None:
    """Retrain one run, say what came out, and return whether it agrees; None if it cannot be."""
    from companion import chapters
    from companion.data.sizes import Sizes
    from companion.experiments import estimate
    from companion.experiments import rerun as again

    own = chapters.experiments().get(record.provenance["experiment"])
    try:
        planned = again.plan(record, own, seed, epochs)
    except ValueError as error:
        say(f"  not retrained: {error}")
        return None
    run, split = planned.run, planned.split
    size = Sizes(split.shape, *split.sizes.values(), split.classes)
    clock = estimate.Clock(split.train_images.device)
    seconds = clock.stack([run], size) * planned.epochs / run.settings.epochs
    say(
        f"  retraining run {run.number} ({run.arm}, seed {run.seed}) alone, {planned.epochs} of "
        f"{texts.count(run.settings.epochs, 'epoch')}: {texts.about(seconds)}"
    )
    for note in planned.notes:
        say(f"  {note}")
    found = again.compare(planned, again.train(planned))
    old, new = (100 * value for value in found.last)
    until = "at no epoch" if found.strict < 0 else f"up to epoch {found.strict}"
    same = "every number is the same bit for bit" if found.identical else f"rows agree {until}"
    say(
        f"  {same}; test accuracy after epoch {planned.epochs}: recorded {old:.2f} %, now "
        f"{new:.2f} %"
    )
    say(f"  {again.RULE}")
    say("  agrees" if found.agrees else f"  disagrees: {found.first_wrong}")
    return found.agrees
