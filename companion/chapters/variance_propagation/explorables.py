"""A signal through fifty layers: random ReLU networks, measured by passing real inputs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from companion.display.explorables import Control, Curve, Explorable, Panel, Point
from companion.display.explorables.curves import inside
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
            Control("gain", "Gain", GAINS, unit="× √2", start=GAINS.index(1.2)),
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
