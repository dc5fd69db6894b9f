"""Definitions are checked when made; payload and widget say the same as the definition."""

import itertools
import json
import math
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.display.explorables import (
    Control,
    Curve,
    Explorable,
    HeatMap,
    Histogram,
    Panel,
    Point,
    live,
    multiples,
    page,
)
from companion.display.explorables.marks import ROLES

WIDTH = Control("width", "Layer width", (16, 64), unit="units", start=1)
GAIN = Control("gain", "Gain", (0.5, 2.0), format=".1f")
STD = Panel("std", "epoch", "Weight std", y_log=True)


def point(width, gain):
    fixed = Curve("never", [0, 1, 2], [1, 2, 3], role="reference")
    mine = Curve(
        "WR",
        [0, 1, 2],
        [gain, math.nan, gain / width],
        [0.1] * 3,
        [3] * 3,
        family="wr",
        role="data",
    )
    return Point({"std": [fixed, mine]}, f"Width {width} & gain {gain} </script>.")


def make(**changes):
    parts = {"controls": [WIDTH, GAIN], "panels": [STD], "point": point} | changes
    return Explorable.compute("hero", "A title", **parts)


def every_kind(**changes):
    """Small multiples, histograms and a heat map over two sliders and a choice."""
    arm = Control("arm", "Arm", ("none", "WR"), ordered=False)
    shown = {
        "one": [Curve("WR", [0, 1], [1, 2], family="wr")],
        "two": [Curve("WR", [0, 1], [3, 40], family="wr")],
        "weights": [
            Histogram("before", [-1, 0, 1], [0.5, 0.5], role="reference"),
            Histogram("after", [-2, 0, 2], [0.25, 0.25], family="wr"),
        ],
    }

    def point(width, gain, arm):
        number = math.nan if (width, gain) == (16, 2.0) else gain * width + (arm == "WR")
        return Point(shown | {"map": number}, f"Width {width}, gain {gain}, arm {arm}.")

    parts = {
        "controls": [WIDTH, GAIN, arm],
        "panels": [
            *multiples("std", {"one": "layer 1", "two": "layer 2"}, "epoch", "std", band="none"),
            Panel("weights", "weight", "density", kind="histograms"),
            HeatMap("map", "gain times width", x="gain", y="width", digits=1),
        ],
        "point": point,
    } | changes
    return Explorable.compute("kinds", "Every kind", **parts)


def close(stored, values) -> bool:
    """Whether the page stores the values, to four significant digits."""
    return len(stored) == len(values) and all(
        one is None if math.isnan(value) else one == pytest.approx(value, rel=5e-4)
        for one, value in zip(stored, values, strict=True)
    )


def check_payload(explorable):
    """Read the page's data back and compare with the definition, part by part."""
    html = explorable.html()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])
    assert [data[key] for key in ("id", "title", "note")] == [
        explorable.name, explorable.title, explorable.note,
    ]  # fmt: skip
    for stored, control in zip(data["controls"], explorable.controls, strict=True):
        for key in ("name", "label", "unit", "start", "ordered"):
            assert stored[key] == getattr(control, key)
        for key, value in zip(stored["keys"], control.values, strict=True):
            assert (key if isinstance(value, str) else float(key)) == value
    assert len(data["points"]) == len(explorable.grid)
    for cell, shown in explorable.grid.items():
        caption, *stored = data["points"][",".join(map(str, cell))]
        assert caption == shown.caption
        for numbers, panel in zip(stored, explorable.panels, strict=True):
            mine = shown.curves[panel.key]
            if isinstance(panel, HeatMap):
                assert close([numbers], [float(mine)])
                continue
            for number, mark in zip(numbers, mine, strict=True):
                style, *parts = data["curves"][number]
                assert data["styles"][style][:2] == [mark.label, mark.role]
                if isinstance(mark, Histogram):
                    wanted = [mark.edges, mark.density]
                else:
                    wanted = [v for v in (mark.x, mark.y, mark.low, mark.high) if v is not None]
                for part, values in zip(parts, wanted, strict=True):
                    assert close(data["arrays"][part], values)
    return data


def test_payload_unfolds_to_the_definition():
    assert set(check_payload(make())["points"]) == {"0,0", "0,1", "1,0", "1,1"}
    data = check_payload(every_kind())
    assert [panel["kind"] for panel in data["panels"]] == [
        "curves", "curves", "histograms", "heat map",
    ]  # fmt: skip
    heat = data["panels"][3]
    assert (heat["across"], heat["up"], heat["lim"]) == (1, 0, [8, 129])


words = st.text(min_size=1, max_size=20).filter(lambda text: text.strip())
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
numbers = st.floats(-1e6, 1e6).map(lambda v: float(f"{v:.4g}"))
arms = st.sampled_from(["none", "wr", "wd", "compander"])


@st.composite
def controls(draw):
    values = draw(
        st.lists(numbers, min_size=2, max_size=3, unique=True)
        | st.lists(words, min_size=2, max_size=3, unique=True)
    )
    return Control(
        draw(names), draw(words), values, draw(st.text(max_size=5)),
        draw(st.integers(0, len(values) - 1)), ordered=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def curves(draw):
    size = draw(st.integers(1, 4))
    column = st.lists(numbers | st.just(math.nan), min_size=size, max_size=size)
    band = [draw(column), draw(column)] if draw(st.booleans()) else [None, None]
    role = draw(st.sampled_from(ROLES))
    return Curve(draw(words), range(size), draw(column), *band, draw(arms), role=role)


@st.composite
def histograms(draw):
    edges = sorted(draw(st.lists(numbers, min_size=2, max_size=5, unique=True)))
    density = draw(st.lists(numbers.map(abs), min_size=len(edges) - 1, max_size=len(edges) - 1))
    return Histogram(
        draw(words), edges, density, draw(arms), draw(st.sampled_from(["data", "reference"]))
    )


@st.composite
def definitions(draw):
    handles = draw(st.lists(controls(), min_size=2, max_size=3, unique_by=lambda c: c.name))
    keys = draw(st.lists(names, min_size=4, max_size=4, unique=True))
    panels = [
        *multiples("g", {key: draw(words) for key in keys[:2]}, draw(words), draw(words)),
        Panel(keys[2], draw(words), draw(words), kind="histograms"),
        HeatMap(keys[3], draw(words), handles[0].name, handles[1].name),
    ]
    grid = {}
    for cell in itertools.product(*(range(len(c.values)) for c in handles)):
        lines = {key: draw(st.lists(curves(), max_size=2)) for key in keys[:2]}
        bars = {keys[2]: draw(st.lists(histograms(), max_size=2))}
        number = {keys[3]: draw(numbers | st.just(math.nan))}
        grid[cell] = Point(lines | bars | number, draw(words))
    return Explorable(draw(names), draw(words), handles, panels, grid, draw(st.text(max_size=20)))


@settings(max_examples=60, deadline=None)
@given(definitions())
def test_any_definition_comes_back_from_the_page(explorable):
    data = check_payload(explorable)
    assert json.loads(page.script_safe(data)) == data
    for panel in explorable.panels:
        for low, high in filter(None, explorable.limits(panel)):
            assert low < high


def test_shared_arrays_and_curves_are_stored_once():
    data = page.payload(make())
    assert data["arrays"].count([0, 1, 2]) == 1
    assert len(data["styles"]) == 2
    assert len(data["curves"]) == 5  # the reference, and one curve a setting


def test_control_texts_and_links_are_made_in_python():
    controls = page.payload(make())["controls"]
    assert controls[0]["texts"] == ["16 units", "64 units"]
    assert controls[1]["texts"] == ["0.5", "2.0"]
    assert controls[1]["keys"] == ["0.5", "2"]
    assert Control("tau", "Rescale", ("never", 100), unit="steps").text(0) == "never"


def test_html_is_safe_and_says_the_start():
    html = make().html()
    payload = re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1]
    assert not set("<>&") & set(payload)
    assert json.loads(payload)["points"]["1,0"][0].endswith("</script>.")
    assert "Width 64 &amp; gain 0.5 &lt;/script&gt;." in html
    assert not re.search(r"\son\w+=", html)
    assert "http" not in html


def test_limits_are_the_same_for_every_setting():
    x, y = make().limits(STD)
    assert x == [0, 2]
    assert y[0] < 0.5 / 64 < 3 < y[1]
    fixed = Panel("std", "epoch", "std", y_limits=(0, 4))
    assert make(panels=[fixed]).limits(fixed)[1] == [0, 4]
    one, two, weights, heat = (kinds := every_kind()).panels
    assert kinds.limits(one) == kinds.limits(two)  # small multiples share their axes
    assert kinds.limits(two)[1][1] > 40
    assert kinds.limits(weights) == ([-2, 2], [0, pytest.approx(0.52)])
    assert kinds.limits(heat)[0] == [8, 129]


def test_an_axis_that_follows_fits_each_setting_and_is_shared_in_a_group():
    def bars(width, gain):
        low = [Histogram("after", [0, 1], [gain])]
        return Point({"a": low, "b": [Histogram("after", [0, 1], [gain * width])]}, "S.")

    shown = multiples("g", {"a": "one", "b": "two"}, "x", "y", kind="histograms", y_follows=True)
    made = make(panels=shown, point=bars)
    for cell, top in (((0, 0), 8), ((1, 0), 32), ((1, 1), 128)):
        for panel in shown:
            assert made.limits(panel, cell) == ([0, 1], [0, pytest.approx(1.04 * top)])
        for axes in live.draw(made, cell).axes[:2]:
            assert axes.get_ylim() == (0, pytest.approx(1.04 * top))
    assert made.limits(shown[0])[1] == [0, pytest.approx(1.04 * 128)]
    data = check_payload(made)
    assert data["panels"][0]["ylim"] == data["panels"][1]["ylim"]
    assert data["panels"][1]["ylim"]["1,0"] == [0, pytest.approx(1.04 * 32)]
    fixed = make(panels=multiples("g", {"a": "one", "b": "two"}, "x", "y", kind="histograms"),
                 point=bars)  # fmt: skip
    assert fixed.limits(fixed.panels[0], (0, 0))[1] == [0, pytest.approx(1.04 * 128)]


def test_a_heat_map_is_read_from_the_grid():
    kinds = every_kind()
    rows = kinds.heat(kinds.panels[3], (1, 0, 1))
    assert rows[1] == [0.5 * 64 + 1, 2.0 * 64 + 1]
    assert rows[0][0] == 0.5 * 16 + 1
    assert math.isnan(rows[0][1])


def bad_curve(**changes):
    parts = {"label": "WR", "x": [0, 1], "y": [1, 2]} | changes
    return Curve(**parts)


def bad_bars(**changes):
    parts = {"label": "after", "edges": [0, 1, 2], "density": [1, 2]} | changes
    return Histogram(**parts)


def showing(**curves):
    """Return a point function whose every setting shows these curves."""
    return lambda **_: Point(curves, "A sentence.")


def group(**changes):
    return [Panel("a", "x", "y", title="A", group="g"),
            Panel(**({"key": "b", "x_label": "x", "y_label": "y", "title": "B", "group": "g"}
                     | changes))]  # fmt: skip


MAP = HeatMap("map", "number", x="width", y="gain")


def log_zero(width, gain):
    return Point({"std": [bad_curve(y=[0, 1])]}, "A sentence.")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Control("a b", "A", (1, 2)), "control name must be letters.*got 'a b'"),
        (lambda: Control("a", "A", (1,)), "a must have at least two values, got 1"),
        (
            lambda: Control("a", "A", (1, 2), start=2),
            "start of a must be an index from 0 to 1, got 2",
        ),
        (lambda: Control("a", "A", (1, 1.0)), "values of a must differ"),
        (lambda: bad_curve(family="wrx"), "family must be one of none, .*got 'wrx'"),
        (lambda: bad_curve(dash="wavy"), "dash must be one of solid, .*got 'wavy'"),
        (lambda: bad_curve(role="line"), "role must be one of data, .*got 'line'"),
        (lambda: bad_curve(low=[0, 1]), "must have low and high, or neither"),
        (lambda: bad_curve(y=[1]), "y of curve 'WR' must have one value for each x.*got 1 for 2"),
        (lambda: bad_curve(y=[1, math.inf]), "y of curve 'WR' must be finite, got inf; use NaN"),
        (lambda: bad_curve(x=[0, math.nan]), "x of curve 'WR' must be finite, got nan"),
        (lambda: Panel("a b", "x", "y"), "panel key must be letters"),
        (
            lambda: Panel("a", "x", "y", y_limits=(1, 1)),
            "y_limits of panel a must be finite and inc",
        ),
        (lambda: Panel("a", "x", "y", y_log=True, y_limits=(0, 1)), r"positive \(log axis\)"),
        (lambda: Explorable("2", "T", [WIDTH], [STD], {}), "explorable name must be letters"),
        (lambda: Explorable("a", "T", [], [STD], {}), "must have a control name, got none"),
        (
            lambda: Explorable("a", "T", [WIDTH, WIDTH], [STD], {}),
            "each control name must be unique, got 'width' twice",
        ),
        (lambda: Explorable("a", "T", [WIDTH], [STD, STD], {}), "each panel key must be unique"),
        (
            lambda: Explorable("a", "T", [WIDTH], [STD], {(0,): point(16, 1.0)}),
            "grid must hold every setting, 1 of 2 missing, first width 64",
        ),
        (
            lambda: Explorable("a", "T", [WIDTH], [STD], {(i,): point(16, 1.0) for i in range(3)}),
            "grid must hold only settings of the controls, got index \\(2,\\)",
        ),
        (
            lambda: make(panels=[STD, Panel("loss", "epoch", "loss")]),
            "the point at width 16, gain 0.5 must have curves for the panels loss, std, got std",
        ),
        (lambda: make(point=lambda width, gain: Point({"std": []}, " ")), "must have a caption"),
        (lambda: Control("a", "A", (1, None)), "values of a must be finite numbers.*got None"),
        (lambda: Control("a", "A", (1, math.nan)), "values of a must be finite numbers.*got nan"),
        (lambda: bad_bars(edges=[0, 1]), "edges of histogram 'after' must be one more.*2 for 2"),
        (lambda: bad_bars(edges=[0, 2, 1]), "edges of histogram 'after' must be finite and inc"),
        (lambda: bad_bars(edges=[0, 1, math.inf]), "must be finite and increasing, got 0 to inf"),
        (lambda: bad_bars(density=[1, -1]), "density of histogram 'after' must be.*got -1"),
        (lambda: bad_bars(density=[1, math.nan]), "density of histogram 'after' must be.*got nan"),
        (lambda: bad_bars(role="theory"), "role must be one of data, reference, got 'theory'"),
        (
            lambda: Panel("a", "x", "y", kind="pie"),
            "kind of panel a must be one of curves, histograms, got 'pie'",
        ),
        (
            lambda: Panel("a", "x", "y", kind="histograms", y_log=True),
            "axes of panel a must be linear",
        ),
        (lambda: Panel("a", "x", "y", group="g"), "panel a of group g must have a title"),
        (
            lambda: make(panels=group(y_log=True), point=showing(a=[], b=[])),
            "panels of group g must have the same y_log, got False and True",
        ),
        (
            lambda: make(panels=group(equal=True), point=showing(a=[], b=[])),
            "panels of group g must have the same equal, got False and True",
        ),
        (
            lambda: Panel("a", "x", "y", x_log=True, equal=True),
            "panel a must show curves on linear axes .*, got curves on a log axis; leave equal out",
        ),
        (
            lambda: Panel("a", "x", "y", kind="histograms", equal=True),
            "panel a must show curves on linear axes to have equal units, got histograms;",
        ),
        (
            lambda: Panel("a", "x", "y", y_follows=True),
            "panel a must show histograms without y_limits .*, got curves and y_limits None;",
        ),
        (
            lambda: Panel("a", "x", "y", kind="histograms", y_limits=(0, 1), y_follows=True),
            r"panel a must show .*, got histograms and y_limits \(0, 1\); leave y_follows out",
        ),
        (
            lambda: make(
                panels=[
                    *multiples("g", {"a": "1"}, "x", "y", kind="histograms"),
                    *multiples("g", {"b": "2"}, "x", "y", kind="histograms", y_follows=True),
                ],
                point=showing(a=[], b=[]),
            ),
            "panels of group g must have the same y_follows, got False and True",
        ),
        (lambda: HeatMap("a b", "n", x="u", y="v"), "panel key must be letters"),
        (lambda: HeatMap("a", "n", x="u", y="u"), "axes of heat map a must be two controls"),
        (lambda: HeatMap("a", "n", x="u", y="v", limits=(2, 1)), "limits of heat map a must be"),
        (lambda: HeatMap("a", "n", x="u", y="v", digits=9), "digits of heat map a must be 0 to 6"),
        (
            lambda: make(panels=[HeatMap("map", "n", x="width", y="depth")], point=showing(map=1)),
            r"axes of heat map map must be controls \(width, gain\), got 'depth'",
        ),
        (
            lambda: make(panels=[MAP], point=showing(map=math.inf)),
            "heat map map must have one finite number at width 16, gain 0.5, got inf",
        ),
        (
            lambda: make(panels=[MAP], point=showing(map=[bad_curve()])),
            r"heat map map must have one finite number at width 16, gain 0.5, got \[Curve",
        ),
        (
            lambda: make(point=showing(std=[bad_bars()])),
            "panel std shows curves, so each .* must be a Curve, got Histogram",
        ),
        (lambda: Explorable("a", " ", [WIDTH], [STD], {}), "a must have a title, got ' '"),
        (lambda: make(point=log_zero), "must be positive on the log axis of panel std, got 0"),
    ],
)
def test_bad_definitions_say_rule_value_and_remedy(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_moving_a_live_slider_redraws_and_says():
    live = make().live()
    before, said = live.figure.value, live.caption.value
    assert "Width 64 &amp; gain 0.5" in said
    live.sliders["gain"].value = 1
    assert live.figure.value != before
    assert "Width 64 &amp; gain 2.0" in live.caption.value
    live.sliders["gain"].value = 0
    assert live.figure.value == before
    assert list(live.sliders) == ["width", "gain"]
    assert live.sliders["width"].label == "64 units"


def test_every_kind_is_drawn_live():
    shown = every_kind().live()
    assert shown.sliders["arm"].__class__.__name__ == "ToggleButtons"
    figure = live.draw(shown.definition, (1, 0, 0))
    one, two, weights, heat, *_ = figure.axes
    assert one.get_ylim() == two.get_ylim()
    assert one.get_title(loc="left") == "std, layer 1"
    assert two.get_title(loc="left") == "layer 2"
    assert len(weights.patches) == 4  # two outlines, each filled
    texts = [text.get_text() for text in heat.texts]
    assert texts[:4] == ["8.0", "–", "32.0", "128.0"]
    framed = [patch.get_xy() for patch in heat.patches[-2:]]
    assert framed == [(0, 1), (0, 1)]
    before, said = shown.figure.value, shown.caption.value
    for name in ("width", "gain", "arm"):
        shown.sliders[name].value = 1 - shown.sliders[name].value
        assert shown.figure.value != before or name == "arm"
        assert shown.caption.value != said
        before, said = shown.figure.value, shown.caption.value


def test_equal_units_make_a_circle_round():
    circle = [[math.cos(k / 8), math.sin(k / 8)] for k in range(51)]
    around = [Curve("", *zip(*circle, strict=True)), Curve("far", [-4, 4], [0, 0])]
    shown = Panel("a", "x", "y", y_limits=(-1.5, 3), equal=True), Panel("b", "x", "y")
    made = make(panels=shown, point=showing(a=around, b=around))
    assert [panel["equal"] for panel in check_payload(made)["panels"]] == [True, False]
    for axes, equal in zip(live.draw(made, (0, 0)).axes, (True, False), strict=True):
        [across, up] = axes.transData.transform((1, 1)) - axes.transData.transform((0, 0))
        assert (across == pytest.approx(up)) == equal


def test_one_bundle_has_widget_and_page(monkeypatch):
    bundle = make()._repr_mimebundle_()
    assert "<weights-explorable " in bundle["text/html"]
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert "text/html" not in make()._repr_mimebundle_()


def test_the_definition_needs_no_widgets_and_the_widget_no_pyplot():
    code = (
        "import sys; from companion.display import explorables as e; "
        "assert not {'ipywidgets', 'matplotlib', 'torch'} & set(sys.modules); "
        "c = e.Control('a', 'A', (1, 2)); p = e.Panel('p', 'x', 'y'); "
        "f = lambda a: e.Point({'p': [e.Curve('c', [0, 1], [a, a])]}, 'S.'); "
        "e.Explorable.compute('n', 'T', [c], [p], f).live(); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
