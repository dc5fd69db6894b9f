"""Figures draw what the rows say, name their lines, and carry their alt text."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from companion.chapters.rescaling.experiments.mlp import MLP
from companion.display import figures, labels, style, svg
from companion.display.intervals import intervals
from companion.display.labels import spread
from companion.evidence.summaries import Summary

LOOKS = MLP.arms
ARMS = ("none", "wr", "wd-1e-2", "wd-1e-3", "wd-1e-4")


def epochs(runs=4, arms=ARMS):
    rng = np.random.default_rng(0)
    rows = [
        {"run": n * runs + r, "arm": arm, "seed": r, "epoch": e,
         "train_loss": 2 / (1 + e), "test_loss": 2 / (1 + e) + 0.1 * e * (1 + rng.random()),
         "test_accuracy": 0.1 * n + 0.02 * e + 0.01 * rng.random()}
        for n, arm in enumerate(arms) for r in range(runs) for e in range(6)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def layers():
    rows = [
        {"run": r, "arm": arm, "epoch": e, "layer": k,
         "weight_std": 0.1 * k * (1 + e), "preactivation_variance": float(k + e)}
        for r, arm in enumerate(("none", "none", "wr")) for e in range(4) for k in (1, 2, 3)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def histograms(scale=3.0):
    rng = np.random.default_rng(0)
    rows = []
    for run in range(2):
        for epoch, std in ((0, 1.0), (9, scale)):
            for layer in (1, 2):
                count, edges = np.histogram(std * rng.standard_normal(20_000), bins=50 + run)
                rows += [
                    {"run": run, "arm": "none", "epoch": epoch, "layer": layer,
                     "left": edges[i], "right": edges[i + 1], "count": int(count[i])}
                    for i in range(len(count))
                ]  # fmt: skip
    return pd.DataFrame(rows)


def names(axes):
    return {text.get_text(): text for text in axes.texts}


def test_lines_are_the_means_in_each_arms_colour():
    rows = epochs()
    _, axes = figures.canvas()
    assert figures.accuracy_curves(rows, axes, LOOKS) is axes
    assert [line.get_color() for line in axes.lines] == [
        style.colour(LOOKS[arm].family) for arm in ARMS
    ]
    mean = rows[rows["arm"] == "wr"].groupby("epoch")["test_accuracy"].mean() * 100
    np.testing.assert_allclose(axes.lines[1].get_ydata(), mean)
    assert {LOOKS[arm].label for arm in ARMS} <= set(names(axes))
    assert "line: mean, band: smallest to largest of 4 runs" in names(axes)
    assert axes.get_legend() is None


def test_bands_are_the_intervals_they_say():
    rows = epochs(arms=("wr",))
    values = rows[rows["epoch"] == 5]["test_accuracy"] * 100
    half = stats.t.ppf(0.975, 3) * values.std() / 2
    for band, wanted in (
        ("minmax", (values.min(), values.max())),
        ("interval", (values.mean() - half, values.mean() + half)),
    ):
        _, axes = figures.canvas()
        figures.accuracy_curves(rows, axes, LOOKS, band=band)
        corners = axes.collections[0].get_paths()[0].vertices
        last = corners[corners[:, 0] == 5][:, 1]
        np.testing.assert_allclose((last.min(), last.max()), wanted)


def test_generalization_error_is_test_minus_training_loss():
    rows = epochs(runs=1)
    _, axes = figures.canvas()
    figures.generalization_error(rows, axes, LOOKS)
    mine = rows[rows["arm"] == "none"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), mine["test_loss"] - mine["train_loss"])
    assert "one run" in names(axes)


def test_layers_stand_on_a_log_axis():
    for draw, column in (
        (figures.weight_std, "weight_std"),
        (figures.preactivation_variance, "preactivation_variance"),
    ):
        _, axes = figures.canvas()
        draw(layers(), axes, LOOKS, "none")
        assert axes.get_yscale() == "log"
        assert {"layer 1", "layer 2", "layer 3"} <= set(names(axes))
        third = layers().query("arm == 'none' and run == 0 and layer == 3")
        np.testing.assert_allclose(axes.lines[2].get_ydata(), third[column])


def test_histograms_are_densities_averaged_over_runs():
    _, axes = figures.canvas(2)
    figures.weight_histograms(histograms(), axes, LOOKS, "none")
    for panel in axes:
        spreads = []
        for patch in panel.patches:  # after, then before
            density, edges, _ = patch.get_data()
            mass = density * np.diff(edges)
            middle = (edges[1:] + edges[:-1]) / 2
            assert mass.sum() == pytest.approx(1, abs=0.005)
            spreads.append(np.sqrt((mass * middle**2).sum()))
        # 20,000 normal values a run: the standard error of a std is std / 283.
        np.testing.assert_allclose(spreads, (3, 1), rtol=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda a: figures.accuracy_curves(epochs(), a, LOOKS, "error"),
            "quantity must be one of",
        ),
        (
            lambda a: figures.accuracy_curves(epochs(), a, LOOKS, band="sd"),
            "band must be one of minmax",
        ),
        (lambda a: figures.accuracy_curves(layers(), a, LOOKS), "epochs must have the columns"),
        (
            lambda a: figures.accuracy_curves(epochs()[:0], a, LOOKS),
            "epochs must have rows, got none",
        ),
        (
            lambda a: figures.weight_std(layers(), a, LOOKS, "wd-1e-2"),
            "layers of arm wd-1e-2 must",
        ),
        (
            lambda a: figures.weight_std(layers(), a, LOOKS, "wrs"),
            "without 'wrs'; pass those of",
        ),
        (
            lambda a: figures.weight_histograms(histograms(), a, LOOKS, "none"),
            "axes must be one a layer",
        ),
        (lambda a: figures.show(a.figure, " "), "alt must say what the figure shows"),
        (lambda a: style.colour("wd-2"), "family must be one of none, .*got 'wd-2'"),
        (lambda a: style.linestyle("wavy"), "dash must be one of solid, .*got 'wavy'"),
    ],
)
def test_bad_input_says_rule_value_and_remedy(call, message):
    _, axes = figures.canvas()
    with pytest.raises(ValueError, match=message):
        call(axes)


def test_an_empty_figure_is_not_shown():
    from matplotlib.figure import Figure

    with pytest.raises(ValueError, match="figure must have axes, got none"):
        figures.show(Figure(), "Nothing.")


def test_shown_figure_has_alt_text_theme_colours_and_is_repeatable():
    def html():
        figure, axes = figures.canvas(2)
        figures.accuracy_curves(epochs(), axes[0], LOOKS)
        figures.generalization_error(epochs(), axes[1], LOOKS)
        return figures.show(figure, 'WR stays on top, "none" falls.', "Six runs <made up>.").html()

    text = html()
    assert 'role="img" aria-label="WR stays on top, &quot;none&quot; falls."' in text
    assert "Six runs &lt;made up&gt;." in text
    assert text.count("<svg") == text.count("</svg>") == 2
    drawing = text[text.index("<svg") :]
    for code in (style.INK, style.MUTED, style.RULE):
        assert code not in drawing.lower()
    assert "fill: var(--wis-wr-text)" in drawing
    assert "stroke: var(--wis-wr)" in drawing
    assert ">WD 0.0001</text>" in drawing
    assert "<image" not in drawing
    assert "DejaVu" not in drawing
    ids = re.findall(r'\bid="([^"]+)"', drawing)
    assert len(ids) == len(set(ids))
    assert html() == text


def test_figures_leave_pyplot_and_its_settings_alone():
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    figure = pyplot.figure()
    figure.add_subplot().plot([0, 1])
    svg.show(figure, "A line rises.")
    assert not pyplot.fignum_exists(figure.number)
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context():
        style.use()
        assert matplotlib.rcParams["savefig.transparent"]


def test_names_keep_apart_and_in_order():
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = list(rng.uniform(0, 100, 7))
        places = spread(wanted, 10)
        ordered = [places[i] for i in np.argsort(wanted)]
        assert (np.diff(ordered) >= 10 - 1e-9).all()
        assert np.mean(places) == pytest.approx(np.mean(wanted))
    assert spread([5.0, 50.0], 10) == [5.0, 50.0]


def test_labels_read_on_both_papers():
    for name in style.PALETTE:
        for paper in (style.LIGHT_PAPER, style.DARK_PAPER):
            assert style.contrast(style.readable(style.PALETTE[name], paper), paper) >= 4.5
            line = style.readable(style.PALETTE[name], paper, style.LINE_RATIOS[paper])
            assert style.contrast(line, paper) >= 3
            assert f"--wis-{name}:{line};" in style.css()
    for ink, paper in (
        (style.MUTED, style.LIGHT_PAPER),
        (style.DARK_MUTED, style.DARK_PAPER),
    ):
        assert style.contrast(ink, paper) >= 4.5


def table_rows(**changes):
    row = {
        "arm": "WR", "family": "wr", "paper_accuracy": 50.08, "paper_sd": 0.5, "paper_epoch": 76.0,
        "accuracy": 50.3, "sd": 0.4, "low": 49.9, "high": 50.7, "epoch": 71.0, "runs": 6,
        "verdict": "direction",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_table_shows_paper_beside_ours():
    table = figures.results_table(table_rows(), source="N <2020>", caption="Best epoch.")
    cells = ["WR", "50.08 ± 0.50", "76.0", "50.30 ± 0.40", "49.90 to 50.70", "71.0", "6"]
    assert table.cells()[0][:7] == cells
    assert table.cells()[0][7].endswith("direction")
    for cell in cells:
        assert cell in table._repr_html_()
        assert cell in repr(table)
    assert "N &lt;2020&gt;" in table._repr_html_()
    assert "overflow-x:auto" in table._repr_html_()
    assert '<td data-label="ours %">50.30 ± 0.40</td>' in table._repr_html_()
    assert '<td data-label="N &lt;2020&gt; %">50.08 ± 0.50</td>' in table._repr_html_()


def test_table_shows_a_dash_for_what_is_missing():
    empty = dict.fromkeys(("accuracy", "sd", "low", "high", "epoch", "runs", "verdict"))
    assert figures.results_table(table_rows(**empty)).cells()[0][3:] == ["–"] * 5


def test_table_refuses_fractions_and_missing_columns():
    with pytest.raises(ValueError, match=r"accuracy must be in percent, got at most 0\.5"):
        figures.results_table(table_rows(accuracy=0.5))
    with pytest.raises(ValueError, match=r"rows must have the columns.*none named verdict"):
        figures.results_table(table_rows().drop(columns="verdict"))


@pytest.mark.parametrize(("columns", "width"), [(1, None), (2, None), (3, None), (1, 3.4)])
def test_the_smallest_text_of_a_panel_is_11_px_on_a_phone(columns, width):
    figure, axes = figures.canvas(columns, width=width)
    panel = figure.get_size_inches()[0] / columns
    shrunk = min(1, labels.PHONE / panel)
    first = np.ravel(axes)[0]
    labels.head(first, "A title", "a note")
    sizes = [text.get_fontsize() for text in first.texts]
    sizes += [tick.get_fontsize() for tick in first.get_xticklabels()]
    assert min(sizes) * 96 / 72 * shrunk >= 10.99


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("dash", [None, "dashed"])
def test_a_bar_is_its_interval_through_its_mean(rows, dash):
    found = [Summary(2.0, 1.0, 5, 1.5, 2.5), Summary(3.0, 1.0, 5, 2.0, 4.0)]
    _, axes = figures.canvas()
    assert intervals(axes, (10, 20), found, "wr", dash, rows) == [2.0, 3.0]
    drawn = [line.get_xydata()[:, ::-1] if rows else line.get_xydata() for line in axes.lines]
    bars, joined, dots = drawn[:2], drawn[2:-1], drawn[-1]
    for bar, place, one in zip(bars, (10, 20), found, strict=True):
        assert bar.tolist() == [[place, one.low], [place, one.high]]
    assert dots.tolist() == [[10, 2], [20, 3]]
    assert [line.tolist() for line in joined] == ([] if dash is None else [dots.tolist()])
    assert axes.lines[-1].get_marker() == "o"
    assert {line.get_color() for line in axes.lines} == {style.colour("wr")}
