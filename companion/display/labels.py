"""Axes in the book's look, and names beside the ends of lines instead of a legend."""

import numpy as np

from companion.display import style

PHONE = 3.57
"""Inches that a phone gives a figure."""
SMALLEST = 11 / 12
"""11 CSS px, the smallest text a phone may show, over the 12 px of this book's smallest."""
LARGEST = 1.34
"""Beyond this factor a page's text would look small beside its figures: those scroll instead."""


def canvas(
    columns: int = 1,
    rows: int = 1,
    width: float | None = None,
    height: float = 2.9,
    text: float | None = None,
    **subplots,
):
    """Return (figure, axes) in the book's look, without pyplot; sizes in inches.

    Without a width, one column is 5.2 inches wide (a phone still shows it whole), more are 7.
    text: factor of all text; None: as large as a phone, which shrinks a wide panel, needs to keep
    it readable. `axes` is one Axes or an array of them, as from `Figure.subplots`, which takes
    `subplots` (for instance `sharey=True`).
    """
    import matplotlib
    from matplotlib.figure import Figure

    across = width or (5.2 if columns == 1 else 7.0)
    scale = text or min(max(1.0, SMALLEST * across / columns / PHONE), LARGEST)
    with matplotlib.rc_context(style.rc(scale)):
        figure = Figure(figsize=(across, height))
        figure.text_scale = scale
        axes = figure.subplots(rows, columns, **subplots)
    return figure, axes


def head(axes, title: str, note: str = "", x: str = "") -> None:
    """Write the title of a panel, below it a quiet note (what the band is), and the x label."""
    scale = _scale(axes)
    axes.set_title(
        title, loc="left", fontsize=10.5 * scale, fontweight="bold", pad=scale * (23 if note else 9)
    )
    if note:
        axes.annotate(
            note, (0, 1), xycoords="axes fraction", xytext=(0, 9 * scale),
            textcoords="offset points", color=style.MUTED, size=9 * scale, annotation_clip=False,
        ).set_in_layout(False)  # fmt: skip
    axes.set_xlabel(x)


def name_lines(axes, ends, size: float = 9.5):
    """Write each name beside the end of its line, moved apart where names would overlap.

    ends: (y, name, colour) for each line, y in data units. Set the limits before.
    """
    ends = [end for end in ends if np.isfinite(end[0])]
    if not ends:
        return axes
    size *= _scale(axes)
    settle(axes.figure)  # the layout decides how tall the axes are
    points = 72 / axes.figure.dpi
    levels = [float(np.clip(y, *sorted(axes.get_ylim()))) for y, _, _ in ends]
    wanted = [axes.transData.transform((axes.get_xlim()[1], y))[1] * points for y in levels]
    places = spread(wanted, 1.3 * size)
    for (_, name, colour), level, at, place in zip(ends, levels, wanted, places, strict=True):
        axes.annotate(
            name, (1, level), xycoords=("axes fraction", "data"),
            xytext=(5, place - at - 0.34 * size), textcoords="offset points",
            color=colour, size=size, annotation_clip=False,
        )  # fmt: skip
    return axes


def _scale(axes) -> float:
    return getattr(axes.figure, "text_scale", 1.0)


def settle(figure) -> None:
    """Let the figure's layout place its axes now, and equal units shape them, without drawing."""
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
    for axes in figure.axes:
        axes.apply_aspect()


def spread(wanted, gap: float) -> list[float]:
    """Return positions in the wanted order, at least `gap` apart, moved as little as possible.

    Neighbours that come too close form a group, which keeps its mean (least squares).

    >>> spread([0.0, 1.0, 10.0], 4.0)
    [-1.5, 2.5, 10.0]
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    groups = []  # (sum of the starts that the members want, members)
    for index in order:
        total, members = wanted[index], 1
        while groups and groups[-1][0] / groups[-1][1] + groups[-1][1] * gap > total / members:
            below, count = groups.pop()
            total, members = below + total - members * count * gap, count + members
        groups.append((total, members))
    places = [total / count + rank * gap for total, count in groups for rank in range(count)]
    placed = dict(zip(order, places, strict=True))
    return [placed[index] for index in range(len(wanted))]


def log_ticks(low: float, high: float) -> list[float]:
    """Return round ticks for a log axis.

    Powers of ten; steps of 1-2-5 where few powers fit; even steps where the axis spans so little
    that it is all but linear.

    >>> log_ticks(0.5, 2e3), log_ticks(0.1, 1.5), log_ticks(2.2, 4.1)
    ([1.0, 10.0, 100.0, 1000.0], [0.1, 0.2, 0.5, 1.0], [2.5, 3.0, 3.5, 4.0])
    """
    decades = np.log10(high / low)
    if decades < 1:
        from matplotlib.ticker import MaxNLocator

        ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    else:
        every = max(1, round(decades / 6))
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        steps = [1] if decades >= 2.5 else [1, 2, 5]
        ticks = [float(f"{s}e{power}") for power in powers if power % every == 0 for s in steps]
    return [float(t) for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]


def log_axis(axis) -> None:
    """Give a matplotlib axis a log scale with round ticks in plain digits; limits are kept."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_locator(FixedLocator(log_ticks(*sorted(axis.get_view_interval()))))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def plain(value: float) -> str:
    """Return a number in plain digits where that is short, in powers of ten where it is not.

    >>> plain(0.0512), plain(200000.0), plain(1e-7)
    ('0.0512', '200000', '1e-7')
    """
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.6g}"
    digits, power = f"{value:.4e}".split("e")
    return f"{float(digits):g}e{int(power)}"
