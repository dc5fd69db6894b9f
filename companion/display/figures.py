"""Figures from tidy rows: rows and Axes in, Axes out; no file is read or written.

Rows are the tables of a record: `epochs`, `layers`, `histograms`; `arms` are those of its
experiment and say how each is named and drawn. Lines are named where they end, bands are intervals
and say which, and a figure goes to the reader through `show(figure, alt)`.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from companion.display import style
from companion.display.labels import canvas, head, log_axis, name_lines
from companion.display.svg import show
from companion.display.tables import results_table
from companion.evidence.summaries import summary
from companion.experiments.arm import Arm

__all__ = [
    "accuracy_curves", "canvas", "generalization_error", "log_axis", "name_lines",
    "preactivation_variance", "results_table", "show", "weight_histograms", "weight_std",
]  # fmt: skip

BANDS = {"minmax": "smallest to largest", "interval": "95 % interval"}
_TITLES = {
    "train_accuracy": "Training accuracy (%)",
    "validation_accuracy": "Validation accuracy (%)",
    "test_accuracy": "Test accuracy (%)",
    "train_loss": "Training loss",
    "validation_loss": "Validation loss",
    "test_loss": "Test loss",
}


def accuracy_curves(
    epochs,
    axes,
    arms: Mapping[str, Arm],
    quantity: str = "test_accuracy",
    band: str = "minmax",
    title: str = "",
):
    """Draw an accuracy (or loss) per epoch: one line an arm, the mean over its runs, in a band.

    epochs: columns run, arm, epoch and `quantity`; accuracies as fractions, drawn in percent.
    band: "minmax" (smallest to largest run) or "interval" (95 % t interval of the mean).
    title: what the panel shows, the quantity where it is empty.
    """
    if quantity not in _TITLES:
        raise ValueError(f"quantity must be one of {', '.join(_TITLES)}, got {quantity!r}")
    _need(epochs, "epochs", "run", "arm", "epoch", quantity)
    percent = 100 if quantity.endswith("accuracy") else 1
    rows = epochs.assign(value=epochs[quantity] * percent)
    return _lines(rows, axes, arms, band, title or _TITLES[quantity])


def generalization_error(epochs, axes, arms: Mapping[str, Arm], band: str = "minmax"):
    """Draw E = L(test) - L(train) per epoch and arm (Niehaus et al., figure 2).

    epochs: columns run, arm, epoch, test_loss, train_loss. Bands as in `accuracy_curves`.
    """
    _need(epochs, "epochs", "run", "arm", "epoch", "test_loss", "train_loss")
    rows = epochs.assign(value=epochs["test_loss"] - epochs["train_loss"])
    return _lines(rows, axes, arms, band, "Test loss − training loss")


def _lines(rows, axes, arms: Mapping[str, Arm], band: str, title: str):
    ends = []
    for name, mine in rows.groupby("arm", sort=False):
        arm = _arm(arms, name)
        last = _line(mine, axes, band, arm)
        ends.append((last, arm.label, style.text_colour(arm.family)))
    head(axes, title, _band_words(rows, band), "epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return name_lines(axes, ends)


def weight_std(layers, axes, arms: Mapping[str, Arm], name: str, band: str = "minmax"):
    """Draw the standard deviation of each layer's weights per epoch, on a log axis.

    layers: columns run, arm, epoch, layer, weight_std. One line a layer, the first one darkest.
    """
    return _layers(layers, axes, arms, name, "weight_std", band, "Weight standard deviation")


def preactivation_variance(layers, axes, arms: Mapping[str, Arm], name: str, band: str = "minmax"):
    """Draw the variance of each layer's pre-activations per epoch, on a log axis (N, figure 7).

    layers: columns run, arm, epoch, layer, preactivation_variance.
    """
    title = "Pre-activation variance"
    return _layers(layers, axes, arms, name, "preactivation_variance", band, title)


def _layers(layers, axes, arms: Mapping[str, Arm], name: str, column: str, band: str, title: str):
    _need(layers, "layers", "run", "arm", "epoch", "layer", column)
    arm, rows = _arm(arms, name), layers[layers["arm"] == name]
    _need(rows, f"layers of arm {name}", column)
    rows = rows.assign(value=rows[column])
    numbers = sorted(rows["layer"].unique())
    ends = []
    for layer in numbers:
        fade = 1 - 0.5 * numbers.index(layer) / max(1, len(numbers) - 1)
        last = _line(rows[rows["layer"] == layer], axes, band, replace(arm, dash="solid"), fade)
        ends.append((last, f"layer {layer}", style.text_colour(arm.family)))
    log_axis(axes.yaxis)
    head(axes, f"{title}, {arm.label}", _band_words(rows, band), "epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return name_lines(axes, ends)


def weight_histograms(histograms, axes, arms: Mapping[str, Arm], name: str, bins: int = 80):
    """Draw each layer's weights before training (outline) and after it (filled), as densities.

    histograms: columns run, arm, epoch, layer, left, right, count. axes: one Axes a layer.
    The runs' histograms are averaged as distributions: each run's cumulative share is read at
    common edges, so runs may have different bins.
    """
    _need(histograms, "histograms", "run", "arm", "epoch", "layer", "left", "right", "count")
    rows, fill = histograms[histograms["arm"] == name], style.colour(_arm(arms, name).family)
    _need(rows, f"histograms of arm {name}", "count")
    numbers, axes = sorted(rows["layer"].unique()), list(np.ravel(axes))
    if len(axes) != len(numbers):
        raise ValueError(
            f"axes must be one a layer, got {len(axes)} for {len(numbers)} layers; "
            f"make them with canvas(columns={len(numbers)})"
        )
    first, last = rows["epoch"].min(), rows["epoch"].max()
    words = f"outline: before, filled: after epoch {last}"
    for layer, panel in zip(numbers, axes, strict=True):
        mine = rows[rows["layer"] == layer]
        edges = common_edges(mine, bins)
        for epoch in (last, first):
            density = mean_density(mine[mine["epoch"] == epoch], edges)
            if epoch == last:
                panel.stairs(density, edges, fill=True, color=fill, alpha=0.45)
            else:
                panel.stairs(density, edges, color=style.INK, linewidth=1)
        head(panel, f"Layer {layer}", words if panel is axes[0] else " ", "weight")
        panel.set_yticks([])
        panel.grid(False)
        panel.margins(y=0.12)
        panel.locator_params(axis="x", nbins=4)
    return axes


def common_edges(rows, bins: int):
    """Return common edges that hold all but a thousandth of the weights of any run and epoch."""
    held = rows[rows["count"] > rows.groupby(["run", "epoch"])["count"].transform("sum") * 5e-4]
    return np.linspace(held["left"].min(), held["right"].max(), bins + 1)


def mean_density(rows, edges):
    """Return the density between the edges, averaged over the runs of rows."""
    shares = []
    for _, run in rows.sort_values("left").groupby("run"):
        ends = np.append(run["left"].to_numpy(float)[:1], run["right"].to_numpy(float))
        share = np.append(0, np.cumsum(run["count"].to_numpy(float)))
        shares.append(np.diff(np.interp(edges, ends, share / share[-1])) / np.diff(edges))
    return np.mean(shares, axis=0)


def _line(rows, axes, band: str, arm: Arm, alpha: float = 1) -> float:
    """Draw the mean over the runs of rows (columns epoch, value) in its band; return its end."""
    import seaborn

    if band not in BANDS:
        raise ValueError(f"band must be one of {', '.join(BANDS)}, got {band!r}")
    seaborn.lineplot(
        rows,
        x="epoch",
        y="value",
        errorbar=("pi", 100) if band == "minmax" else _interval,
        color=style.colour(arm.family),
        linestyle=style.linestyle(arm.dash),
        alpha=alpha,
        err_kws={"alpha": 0.16 * alpha, "linewidth": 0},
        ax=axes,
    )
    axes.set(ylabel="")
    return float(rows.groupby("epoch")["value"].mean().iloc[-1])


def _interval(values) -> tuple[float, float]:
    found = summary(values)
    return found.low, found.high


def _band_words(rows, band: str) -> str:
    runs = rows.groupby("arm")["run"].nunique()
    if runs.max() == 1:
        return "one run"
    count = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()} to {runs.max()}"
    return f"line: mean, band: {BANDS[band]} of {count} runs"


def _arm(arms: Mapping[str, Arm], name: str) -> Arm:
    if name not in arms:
        raise ValueError(
            f"arms must hold every arm of the rows, got {', '.join(arms)} without {name!r}; "
            "pass those of the record's experiment"
        )
    return arms[name]


def _need(rows, name: str, *columns: str) -> None:
    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise ValueError(
            f"{name} must have the columns {', '.join(columns)}, got none named "
            f"{', '.join(missing)}; pass the table of a record"
        )
    if rows.empty:
        raise ValueError(f"{name} must have rows, got none; choose an arm that the record holds")
