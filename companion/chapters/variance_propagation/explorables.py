"""Chapter 2's explorables: a signal and its gradient through fifty layers of random ReLU networks,
and where the variance comes from once they learn."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from companion.chapters.variance_propagation import parts
from companion.chapters.variance_propagation.experiments import in_training
from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.display.explorables.curves import inside
from companion.evidence import records
from companion.evidence.records import Record
from companion.theory import depth, scale

WIDTH, DEPTH, NETWORKS, INPUTS = 256, 50, 8, 16
GAINS = (0.5, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.4, 2.0)
"""Multiples of ReLU's gain sqrt 2."""
LIMITS = (1e-4, 1e4)


@cache
def signal_rms() -> dict[tuple[float, bool], np.ndarray]:
    """(gain, held) -> the signal after layers 0 .. DEPTH of NETWORKS networks, [network, layer].

    The signal is the rms of the activations over units and inputs, divided by that of the inputs
    (layer 0). Network r has the weights of `initialize_` with seed r, times the gain; held ones
    are then rescaled by WR to Kaiming's standard deviation.
    """
    import torch

    from companion import streams
    from companion.methods.initialization import initialize_
    from companion.methods.rescaler import Rescaler
    from companion.methods.rescaling import Rescaling
    from companion.models import MLP

    model = MLP((WIDTH,) * (DEPTH + 1))
    rescaler = Rescaler(model, Rescaling("wr"))
    rows: dict[tuple[float, bool], list] = {}
    with torch.no_grad():
        for seed in range(NETWORKS):
            inputs = streams.normal(seed, "inputs", 0, INPUTS * WIDTH).view(INPUTS, WIDTH)
            drawn = [layer.weight.clone() for layer in initialize_(model, seed=seed).layers]
            for gain in GAINS:
                for held in (False, True):
                    for layer, weight in zip(model.layers, drawn, strict=True):
                        layer.weight.copy_(weight).mul_(gain)
                    if held:
                        rescaler.rescale()
                    signals = [inputs, *(z.relu() for z in model.preactivations(inputs))]
                    sizes = [float(s.double().square().mean().sqrt()) for s in signals]
                    rows.setdefault((gain, held), []).append(np.array(sizes) / sizes[0])
    return {key: np.stack(sizes) for key, sizes in rows.items()}


def predicted(gain: float) -> np.ndarray:
    """The signal after layers 0 .. DEPTH by theory: gain^layer, gain in multiples of sqrt 2.

    The root of the mean square over all networks; a typical network lies a little below.
    """
    std = scale.kaiming_std(WIDTH, gain * scale.gain("relu"))
    moments = depth.activation_second_moment([WIDTH] * DEPTH, [std] * DEPTH)
    return np.sqrt(np.append(1.0, moments))


def hero() -> Explorable:
    """Signal size over the layers of a deep ReLU network; controls gain and rescaling.

    Computed when called, in seconds, with fixed seeds.
    """
    signals = signal_rms()
    fan = [_context(each, _band(signals[each, False])) for each in GAINS]

    def point(gain: float, rescale: str) -> Point:
        held = rescale == "hold"
        shown = signals[gain, held]
        theory_line = predicted(1.0 if held else gain)
        frame = pd.DataFrame({"mean": theory_line, "low": theory_line, "high": theory_line})
        expected = inside("theory", frame, LIMITS, "none")
        curves = [
            *fan,
            Curve("theory", expected.x, expected.y, role="theory"),
            inside("held" if held else "measured", _band(shown), LIMITS, "wr" if held else "none"),
        ]
        return Point({"signal": curves}, _sentence(gain, held, shown[:, -1], theory_line[-1]))

    return Explorable.compute(
        "depth",
        f"A signal on its way through {DEPTH} layers",
        [
            Control("gain", "Gain", GAINS, unit="× √2", start=GAINS.index(1.0)),
            Control("rescale", "Rescale the weights", ("never", "hold"), ordered=False),
        ],
        [
            Panel(
                "signal",
                "layer",
                "size of the signal (rms, 1 at the input)",
                y_log=True,
                y_limits=LIMITS,
                band=f"geometric mean, smallest to largest of {NETWORKS} networks; "
                "thin: every gain, never rescaled",
            )
        ],
        point,
        note=f"{NETWORKS} random ReLU networks, {WIDTH} units a layer, untrained; "
        f"{INPUTS} random inputs each.",
    )


@cache
def gradient_rms() -> dict[float, np.ndarray]:
    """gain -> the gradient at layers 0 .. DEPTH of the same networks, never rescaled, [network,
    layer]: rms over units and inputs, 1 where it enters, at the last layer's output.

    The gradient is that of a random linear function of the outputs.
    """
    import torch

    from companion import streams
    from companion.methods.initialization import initialize_
    from companion.models import MLP

    model = MLP((WIDTH,) * (DEPTH + 1))
    rows: dict[float, list] = {}
    with torch.no_grad():
        for seed in range(NETWORKS):
            inputs = streams.normal(seed, "inputs", 0, INPUTS * WIDTH).view(INPUTS, WIDTH)
            start = streams.normal(seed, "gradient", 0, INPUTS * WIDTH).view(INPUTS, WIDTH)
            drawn = [layer.weight.clone() for layer in initialize_(model, seed=seed).layers]
            open_units = [z > 0 for z in model.preactivations(inputs)]  # the same at every gain
            for gain in GAINS:
                gradient, sizes = start, [float(start.double().square().mean().sqrt())]
                for weight, kept in zip(reversed(drawn), reversed(open_units), strict=True):
                    gradient = (gradient * kept) @ (gain * weight)
                    sizes.append(float(gradient.double().square().mean().sqrt()))
                rows.setdefault(gain, []).append(np.array(sizes[::-1]) / sizes[0])
    return {gain: np.stack(sizes) for gain, sizes in rows.items()}


POINTED = (1, 10, 25, 40, 50)
"""Layers to point at."""


def both_ways() -> Explorable:
    """The signal on its way up and its gradient on its way down; controls gain, layer."""
    signals, gradients = signal_rms(), gradient_rms()
    shown = slice(None, None, 2)

    def curves(sizes: np.ndarray, theory_line: np.ndarray, layer: int) -> list[Curve]:
        frame = pd.DataFrame({"mean": theory_line, "low": theory_line, "high": theory_line})
        expected = inside("theory", frame.iloc[shown], LIMITS, "none")
        measured = inside("measured", _band(sizes).iloc[shown], LIMITS, "wr")
        here = float(np.exp(np.log(sizes[:, layer]).mean()))
        found = [Curve("theory", expected.x, expected.y, role="theory"), measured]
        if LIMITS[0] <= here <= LIMITS[1]:
            found.append(Curve("this layer", [layer, layer], [LIMITS[0], here], family="wd"))
        return found

    def point(gain: float, layer: int) -> Point:
        signal, gradient = signals[gain, False], gradients[gain]
        up, down = (math.exp(np.log(s[:, layer]).mean()) for s in (signal, gradient))
        return Point(
            {
                "signal": curves(signal, predicted(gain), layer),
                "gradient": curves(gradient, predicted(gain)[::-1], layer),
            },
            f"Gain {gain:g} × √2, after layer {layer}: the signal is {_times(up)} its size at the "
            f"input, the gradient {_times(down)} its size at the output.",
        )

    band = f"geometric mean, smallest to largest of {NETWORKS} networks"
    return Explorable.compute(
        "both-ways",
        "A signal on its way up, its gradient on its way down",
        [
            Control("gain", "Gain", GAINS, unit="× √2", start=GAINS.index(1.1)),
            Control("layer", "Point at layer", POINTED, start=2),
        ],
        [
            Panel("signal", "layer", "signal (rms, 1 at the input)", y_log=True, y_limits=LIMITS,
                  band=band),
            Panel("gradient", "layer", "gradient (rms, 1 at the output)", y_log=True,
                  y_limits=LIMITS, band=band),
        ],
        point,
        note=f"{NETWORKS} random ReLU networks, {WIDTH} units a layer, untrained; {INPUTS} random "
        "inputs each.",
    )  # fmt: skip


EPOCHS = (0, 1, 2, 5, 10, 20, 40, 60)
PART_LIMITS = (0.01, 200.0)


def variance_parts(
    record: Record | None = None, start: str = "WR every step", epoch: int = EPOCHS[-1]
) -> Explorable:
    """The variance of each layer and what the weights' size explains of it; controls arm, epoch.

    record: of `in_training.DIGITS`; the shipped one if none is given. start, epoch: the arm, by its
    label, and the epoch shown first.
    """
    shown = record or records.recorded("variance-in-training-digits-book")
    arms, found = in_training.DIGITS.arms, parts.means(shown)
    labels = {arms[name].label: name for name in shown.provenance["arms"]}
    names = tuple(labels)

    def line(label: str, values: pd.Series, **look) -> Curve:
        kept = values.where(values.between(*PART_LIMITS))
        return Curve(label, kept.index.tolist(), kept.tolist(), **look)

    def point(arm: str, epoch: int) -> Point:
        rows, family = found.loc[labels[arm], epoch], arms[labels[arm]].family
        last = rows.iloc[-1]
        known = last["variance_correlation"] / last["preactivation_variance"]
        return Point(
            {
                "variance": [
                    line("size of all weights", rows["by_size"], role="theory"),
                    line("size of its weights", rows["variance_product"], family=family,
                         dash="dashed"),
                    line("measured", rows["preactivation_variance"], family=family),
                ]
            },
            f"{arm}, epoch {epoch}: the last layer's variance is "
            f"{last['preactivation_variance']:.3g}. The size of all weights explains "
            f"{last['by_size']:.2g}; that of the last layer's own, with the signal it gets, "
            f"{last['variance_product']:.3g}. {100 * known:.0f} % comes from weights that "
            "know their inputs.",
        )  # fmt: skip

    return Explorable.compute(
        "variance-parts",
        "What the size of the weights explains",
        [
            Control("arm", "Weights", names, start=names.index(start), ordered=False),
            Control("epoch", "Epoch", EPOCHS, start=EPOCHS.index(epoch)),
        ],
        [Panel("variance", "layer", "variance of the pre-activations", y_log=True,
               y_limits=PART_LIMITS)],
        point,
        note=f"{shown.label()}. Means over the runs.",
    )  # fmt: skip


def _context(gain: float, band: pd.DataFrame) -> Curve:
    """The curve of a gain, weights left as drawn, behind those of another setting."""
    curve = inside(f"gain {gain:g}", band, LIMITS, "none", faint=True)
    return replace(curve, role="context")


def _band(sizes: np.ndarray) -> pd.DataFrame:
    """Geometric mean, smallest and largest over networks, a row a layer."""
    return pd.DataFrame(
        {
            "mean": np.exp(np.log(sizes).mean(axis=0)),
            "low": sizes.min(axis=0),
            "high": sizes.max(axis=0),
        }
    )


def _sentence(gain: float, held: bool, last: np.ndarray, expected: float) -> str:
    size = math.exp(np.log(last).mean())
    fate = "It explodes" if size > 10 else "It dies" if size < 0.1 else "It lives"
    how = "rescaled to Kaiming's σ" if held else "left as drawn"
    return (
        f"Gain {gain:g} × √2, weights {how}: after {DEPTH} layers the signal is "
        f"{_times(size)} its size at the input, by theory {_times(expected)}. {fate}."
    )


def _times(factor: float) -> str:
    """Return a factor in words a reader can take in.

    >>> _times(1.04), _times(117.39), _times(1.1e15), _times(8.9e-16)
    ('1.0 times', '117 times', '1 × 10¹⁵ times', '9 × 10⁻¹⁶ times')
    """
    if 1e-2 <= factor < 1e5:
        digits = 0 if factor >= 100 else 1 if factor >= 1 else 2
        return f"{float(f'{factor:.3g}'):,.{digits}f} times"
    digits, power = f"{factor:.0e}".split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} × 10{raised} times"
