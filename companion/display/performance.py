"""The benchmark as tables and a figure: what a stack costs, and how that grows."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from pandas.io.formats.style import Styler

from companion.display import figures, style
from companion.display.labels import head
from companion.display.svg import Shown
from companion.experiments.growth import AT_DEPTH, AT_RUNS, AT_WIDTH
from companion.experiments.performance import Measured, OnMachine, Overhead

_AXES = {
    "runs": f"runs (width {AT_WIDTH}, {AT_DEPTH} hidden layers)",
    "width": f"width of the hidden layers ({AT_RUNS} runs)",
    "depth": f"hidden layers ({AT_RUNS} runs)",
}


def where(measured: OnMachine) -> str:
    """The machine and software that a benchmark was measured on, in words."""
    facts = measured.machine
    versions = facts["versions"]
    return (
        f"{facts['hardware']}, {facts['threads']} CPU threads, torch {versions['torch']}, "
        f"medians of {measured.rounds} rounds"
    )


def ratios(measured: Measured) -> Styler:
    """One row a contender: time of a run-step, and how many times that of the stack it is."""
    rows = pd.DataFrame(
        {
            "network": [line.case for line in measured.lines],
            "contender": [
                f"{line.contender}, {line.runs} run{'s' * (line.runs != 1)}"
                if line.contender == "stack" else line.contender
                for line in measured.lines
            ],
            "ms a run-step": [_three_digits(line.milliseconds) for line in measured.lines],
            "times the stack": [_three_digits(line.ratio) for line in measured.lines],
            "TFLOP/s": ["" if line.teraflops is None else f"{line.teraflops:.3g}"
                        for line in measured.lines],
            "of the ceiling": ["" if line.share is None else f"{line.share:.0%}"
                               for line in measured.lines],
        }
    )  # fmt: skip
    rows["network"] = rows["network"].where(~rows["network"].duplicated(), "")
    return rows.style.hide(axis="index").set_caption(where(measured))


def overhead(measured: Overhead) -> Styler:
    """One row a network and batch: a plain step, and what arctan and a factor add to it."""
    rows = pd.DataFrame(
        {
            "network": [share.network for share in measured.shares],
            "batch": [share.batch for share in measured.shares],
            "ms a run-step": [_three_digits(share.milliseconds) for share in measured.shares],
            "arctan adds": [f"{share.added:.0%}" for share in measured.shares],
            "a factor adds": ["" if share.least is None else f"{share.least:.0%}"
                              for share in measured.shares],
        }
    )  # fmt: skip
    rows["network"] = rows["network"].where(~rows["network"].duplicated(), "")
    how = "" if measured.machine["device"] == "cuda" else "; one thread's own time"
    return rows.style.hide(axis="index").set_caption(where(measured) + how)


def _three_digits(value: float) -> str:
    """Three digits, without powers of ten.

    >>> _three_digits(1127.6), _three_digits(0.03814), _three_digits(1.0)
    ('1,130', '0.0381', '1')
    """
    return f"{float(f'{value:.3g}'):,g}"


def growth(measured: Measured) -> Shown:
    """Time of a stack's step, and the memory that it keeps, along runs, width and depth."""
    figure, axes = figures.canvas(columns=3, rows=2, height=4.6, sharey="row")
    points = pd.DataFrame([vars(point) for point in measured.growth])
    words = []
    for column, (along, label) in enumerate(_AXES.items()):
        mine = points[points["along"] == along]
        for row, (quantity, title) in enumerate(
            (("milliseconds", "Step of the stack (ms)"), ("kept_mib", "Memory kept (MiB)"))
        ):
            panel = axes[row, column]
            panel.plot(mine["value"], mine[quantity], marker="o", markersize=3.5, color=style.INK)
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.tick_params(labelleft=True)  # panels stand one above the other on a phone
            head(panel, title, "", label)
        first, last = mine.iloc[0], mine.iloc[-1]
        words.append(
            f"from {first['value']} to {last['value']} {along} a step takes "
            f"{last['milliseconds'] / first['milliseconds']:.3g} times as long"
        )
    _plain_ticks(figure, points)
    return figures.show(
        figure,
        alt=f"Time of a step and memory kept, on log axes: {'; '.join(words)}.",
        caption="How a stack of MLPs for the digits grows.",
        ran=f"Batches of 32; {where(measured)}.",
    )


def _plain_ticks(figure: Figure, points: pd.DataFrame) -> None:
    """Label each x axis at the values that were measured, as many as fit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    for panel, along in zip(figure.axes, [*_AXES, *_AXES], strict=True):
        values = points.loc[points["along"] == along, "value"].tolist()
        panel.xaxis.set_major_locator(FixedLocator(values[::2] if len(values) > 5 else values))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_locator(NullLocator())
