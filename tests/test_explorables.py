"""Definitions are checked when made; payload and widget say the same as the definition."""

import json
import math
import re
import subprocess
import sys

import pytest

from companion.display import page
from companion.display.explorables import Control, Curve, Explorable, Panel, Point

WIDTH = Control("width", "Layer width", (16, 64), unit="units", start=1)
GAIN = Control("gain", "Gain", (0.5, 2.0), format=".1f")
STD = Panel("std", "epoch", "Weight std", y_log=True)


def point(width, gain):
    fixed = Curve("never", [0, 1, 2], [1, 2, 3], role="reference")
    mine = Curve(
        "WR", [0, 1, 2], [gain, math.nan, gain / width], [0.1] * 3, [3] * 3, arm="wr", role="data"
    )
    return Point({"std": [fixed, mine]}, f"Width {width} & gain {gain} </script>.")


def make(**changes):
    parts = {"controls": [WIDTH, GAIN], "panels": [STD], "point": point} | changes
    return Explorable.compute("hero", "A title", **parts)


def test_payload_unfolds_to_the_definition():
    explorable = make()
    data = json.loads(json.dumps(page.payload(explorable), allow_nan=False))
    assert set(data["points"]) == {"0,0", "0,1", "1,0", "1,1"}
    for cell, shown in explorable.grid.items():
        caption, numbers = data["points"][",".join(map(str, cell))]
        assert caption == shown.caption
        for number, curve in zip(numbers, shown.curves["std"], strict=True):
            style, *parts = data["curves"][number]
            assert data["styles"][style][:2] == [curve.label, curve.role]
            wanted = [v for v in (curve.x, curve.y, curve.low, curve.high) if v is not None]
            for part, values in zip(parts, wanted, strict=True):
                for stored, value in zip(data["arrays"][part], values, strict=True):
                    if math.isnan(value):
                        assert stored is None
                    else:
                        assert stored == pytest.approx(value, rel=5e-4)


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


def bad_curve(**changes):
    parts = {"label": "WR", "x": [0, 1], "y": [1, 2]} | changes
    return Curve(**parts)


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
        (lambda: bad_curve(arm="wrx"), "arm must be one of none, .*got 'wrx'"),
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
