"""Which epoch of a run counts: the best-epoch metric, and how optimistic its alternatives are."""

import pandas as pd

from companion.evidence.summaries import Summary, summary


def best_epoch(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each run, the epoch with the best validation accuracy and the accuracies there.

    `e*_r = argmax_e acc_r(e; validation)` over the epochs >= 1, and `acc_r(test)` at that epoch
    (Niehaus et al., eqs. 13-17). Of equal epochs the first counts. `epochs` is a record's table;
    the result has run, arm, seed, best_epoch, validation_accuracy and test_accuracy, one row a
    run, sorted by run. A NaN accuracy never is the best.
    """
    wanted = ["run", "arm", "seed", "epoch", "validation_accuracy", "test_accuracy"]
    absent = [name for name in wanted if name not in epochs.columns]
    if absent:
        raise ValueError(f"best_epoch needs the column {absent[0]}; give a record's epochs table.")
    if epochs.duplicated(["run", "epoch"]).any():
        raise ValueError("a run has one row an epoch, got two; give one record's epochs table.")
    trained = epochs[(epochs["epoch"] >= 1) & epochs["validation_accuracy"].notna()]
    lost = sorted(set(epochs["run"]) - set(trained["run"]))
    if lost or trained.empty:
        run = f"run {lost[0]} has none" if lost else "the table is empty"
        raise ValueError(f"a run needs a validation accuracy after epoch 0; {run}; leave it out.")
    order = trained.sort_values(
        ["run", "validation_accuracy", "epoch"], ascending=[True, False, True]
    )
    best = order.drop_duplicates("run")[wanted]
    return best.rename(columns={"epoch": "best_epoch"}).reset_index(drop=True)


def by_arm(
    best: pd.DataFrame, quantity: str = "test_accuracy", confidence: float = 0.95
) -> dict[str, Summary]:
    """Return the summary of one column of `best_epoch` for each arm, in order of appearance."""
    if quantity not in best.columns:
        raise ValueError(
            f"quantity must be one of {', '.join(best.columns)}, got {quantity!r}; use one."
        )
    groups = best.groupby("arm", sort=False)[quantity]
    return {arm: summary(values, confidence) for arm, values in groups}


def optimism(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return, for each run, the test accuracy under three rules of choosing an epoch.

    Columns: run, arm, seed, and as fractions

    * `chosen`: at the epoch with the best validation accuracy (`best_epoch`), the honest choice;
    * `highest`: the largest over all epochs >= 1, which the test images themselves have chosen;
    * `last`: after the last epoch;
    * `optimism` = highest - chosen, never negative: what choosing on the test images adds;
    * `late` = chosen - last: what stopping at the chosen epoch saves (negative where training on
      would have helped).

    The chosen accuracy is itself an unbiased estimate for the chosen weights, because validation
    and test images are different ones; the *validation* accuracy at that epoch is not: it is a
    maximum over epochs. Errors as `best_epoch`.
    """
    best = best_epoch(epochs)
    trained = epochs[epochs["epoch"] >= 1].sort_values(["run", "epoch"])
    runs = trained.groupby("run")["test_accuracy"]
    frame = best[["run", "arm", "seed"]].assign(
        chosen=best["test_accuracy"].astype(float),
        highest=best["run"].map(runs.max()).astype(float),
        last=best["run"].map(runs.last(skipna=False)).astype(float),
    )
    return frame.assign(
        optimism=frame["highest"] - frame["chosen"], late=frame["chosen"] - frame["last"]
    )
