"""What training does to the weights of each layer, arm by arm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from companion.display.explorables import (
    Control,
    Curve,
    Explorable,
    Histogram,
    Point,
    multiples,
)
from companion.display.explorables.curves import bands, inside
from companion.display.figures import common_edges, mean_density
from companion.evidence import readings
from companion.evidence.records import Record
from companion.evidence.summaries import summary
from companion.experiments.arm import Arm
from companion.methods import initialization

BINS = 60


def weight_std(record: Record, arms: Mapping[str, Arm]) -> Explorable:
    """The weight standard deviation per layer and epoch; control arm."""
    runs, last = record.provenance["runs_per_arm"], record.provenance["epochs"]
    layers = _layers(record)
    curves = {k: bands(record.layers[record.layers["layer"] == k], "weight_std") for k in layers}
    everywhere = (0.0, np.inf)

    def point(arm: str) -> Point:
        name, shown = names[arm], {}
        for layer in layers:
            band = curves[layer][name]
            epochs = [band.index[0], band.index[-1]]
            shown[f"layer-{layer}"] = [
                Curve("initial σ", epochs, [_sigma(record, name, layer)] * 2, role="theory"),
                inside(arm, band, everywhere, arms[name].family, arms[name].dash),
            ]
            if (base := arms[name].baseline) in curves[layer]:
                plain = arms[base]
                shown[f"layer-{layer}"].append(
                    inside(plain.label, curves[layer][base], everywhere, plain.family, faint=True)
                )
        growth = _listed(f"{f:.2f}" for f in _growth(record, name))
        return Point(
            shown,
            f"Arm {arm}: after epoch {last} the weights of layers {_listed(layers)} have {growth} "
            f"times their initial standard deviation; {_accuracy(record, name)}.",
        )

    names = _names(record, arms)
    return Explorable.compute(
        "weight-std",
        "How far the weights go from where they started",
        [Control("arm", "Arm", tuple(names), ordered=False)],
        multiples(
            "std",
            {f"layer-{layer}": f"layer {layer}" for layer in layers},
            "epoch",
            "weight std",
            y_log=True,
            band=f"line: mean, band: 95 % interval of {runs} runs",
        ),
        point,
        note=f"{record.label()}.",
    )


def weights(record: Record, arms: Mapping[str, Arm]) -> Explorable:
    """Each layer's weights before and after training, in units of the initial σ; control arm.

    In that unit all layers start from the same shape, so they can share one axis.
    """
    layers, last = _layers(record), record.provenance["epochs"]
    names = _names(record, arms)
    rows = record.histograms.astype({"left": float, "right": float, "count": float})
    sigmas = {(arm, k): _sigma(record, arm, k) for arm in names.values() for k in layers}
    unit = [sigmas[key] for key in zip(rows["arm"], rows["layer"], strict=True)]
    rows[["left", "right"]] = rows[["left", "right"]].div(unit, axis=0)
    plain = [arm for arm in names.values() if arms[arm].baseline is None]
    edges = common_edges(rows[rows["arm"].isin(plain)], BINS)

    def shape(arm: str, layer: int, epoch: int) -> np.ndarray:
        chosen = (rows["arm"] == arm) & (rows["layer"] == layer) & (rows["epoch"] == epoch)
        return mean_density(rows[chosen], edges)

    def point(arm: str) -> Point:
        name = names[arm]
        shown = {
            f"layer-{layer}": [
                Histogram("before", edges, shape(name, layer, 0), role="reference"),
                Histogram("after", edges, shape(name, layer, last), family=arms[name].family),
            ]
            for layer in layers
        }
        growth = _listed(f"{f:.2f}" for f in _growth(record, name))
        return Point(
            shown,
            f"Arm {arm}: by epoch {last} the standard deviation of the weights in layers "
            f"{_listed(layers)} is multiplied by {growth}; {_accuracy(record, name)}.",
        )

    return Explorable.compute(
        "weights",
        "The weights before and after training",
        [Control("arm", "Arm", tuple(names), ordered=False)],
        multiples(
            "weights",
            {f"layer-{layer}": f"layer {layer}" for layer in layers},
            "weight / initial σ",
            "density of the weights",
            kind="histograms",
            y_follows=True,
        ),
        point,
        note=f"{record.label()}. Histograms averaged over the runs; the highest fills its panel.",
    )


def _names(record: Record, arms: Mapping[str, Arm]) -> dict[str, str]:
    """Short label -> arm, in the record's order."""
    return {arms[arm].label: arm for arm in record.provenance["arms"]}


def _layers(record: Record) -> list[int]:
    return sorted(int(layer) for layer in record.layers["layer"].unique())


def _sigma(record: Record, arm: str, layer: int) -> float:
    """The standard deviation that a layer (from 1) was drawn with."""
    settings = record.provenance["arms"][arm]
    if settings.get("model", "mlp") != "mlp":
        raise ValueError(
            f"a figure by layer needs a record of MLPs, whose widths are fans, got one of "
            f"{settings['model']}; choose another record"
        )
    fan_in, fan_out = settings["widths"][layer - 1 : layer + 1]
    return initialization.sigma(settings["scheme"], fan_in, fan_out, settings["gain"])


def _growth(record: Record, arm: str) -> list[float]:
    return [readings.growth(record.layers, arm, "weight_std", k).mean for k in _layers(record)]


def _accuracy(record: Record, arm: str) -> str:
    epochs = record.epochs
    ends = epochs[(epochs["arm"] == arm) & (epochs["epoch"] == record.provenance["epochs"])]
    final = summary(100 * ends["test_accuracy"].astype(float))
    return (
        f"test accuracy ends at {final.mean:.1f} % (95 % interval {final.low:.1f} to "
        f"{final.high:.1f}, {final.runs} runs)"
    )


def _listed(items) -> str:
    """Return the items as a reader says them.

    >>> _listed([1, 2, 3])
    '1, 2 and 3'
    """
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last
