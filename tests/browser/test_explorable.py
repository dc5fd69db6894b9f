"""The custom element in a real browser, from file://, with made-up data."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from companion.display import figures, style
from companion.display.explorables import Control, Curve, Explorable, Panel, Point

BUNDLE = Path(__file__).parents[2] / "book" / "vendor" / "explorable"


def made_up(name: str, title: str = "How far do the weights grow?") -> Explorable:
    width = Control("width", "Layer width", (16, 32, 64, 128), unit="units", start=2)
    gain = Control("gain", "Gain", (0.5, 1.0, 2.0), start=1, format=".1f")
    tau = Control("tau", "Rescale", ("never", "every epoch"), start=1)
    epochs = range(21)

    def point(width, gain, tau):
        sigma = gain * (2 / width) ** 0.5
        never = [sigma * (1 + 0.2 * e**0.5) for e in epochs]
        mine = never if tau == "never" else [sigma * (1 + 0.01 * (e % 2)) for e in epochs]
        std = [
            Curve("initial", epochs, [sigma] * 21, role="theory"),
            Curve("never rescaled", epochs, never, role="reference"),
            Curve(
                "this setting", epochs, mine, [0.9 * v for v in mine], [1.1 * v for v in mine], "wr"
            ),
        ]
        accuracy = [90 - 5 * abs(gain - 1) - 80 / (1 + e) for e in epochs]
        return Point(
            {"std": std, "accuracy": [Curve("this setting", epochs, accuracy, arm="wr")]},
            f"Width {width}, gain {gain:g}, {tau}: the std ends at {mine[-1]:.3f} & not <more>.",
        )

    panels = [
        Panel("std", "epoch", "Weight std", y_log=True, band="band: made up"),
        Panel("accuracy", "epoch", "Test accuracy (%)", y_limits=(0, 100)),
    ]
    return Explorable.compute(name, title, [width, gain, tau], panels, point)


@pytest.fixture
def page_of(tmp_path):
    """Return a function that writes HTML into a page like the book's and returns its address."""

    def write(*bodies: str, theme: str = "light", script: bool = True) -> str:
        shutil.copytree(BUNDLE, tmp_path / "explorable", dirs_exist_ok=True)
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        theme = f' data-theme="{theme}"' if theme else ""
        (folder / "page.html").write_text(
            f'<!doctype html><html lang="en" data-content_root="../"{theme}><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><title>Page</title>'
            '<style>body{font-family:serif;margin:16px}html[data-theme="dark"]{background:#14181e}'
            f"</style><body><main><h1>Page</h1>{''.join(bodies)}</main></body></html>"
        )
        return (folder / "page.html").as_uri()

    return write


def curve(page, panel: int = 0) -> str:
    return page.locator(".wis-panel").nth(panel).locator(".wis-curve path").last.get_attribute("d")


def test_keyboard_moves_curve_sentence_and_link(page_of, visit):
    page = visit(page_of(made_up("hero").html()))
    slider = page.get_by_role("slider", name="Gain")
    sentence = page.locator("[aria-live=polite]")
    before, said = curve(page), sentence.inner_text()
    assert said.endswith("& not <more>.")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert curve(page) != before
    assert sentence.inner_text() != said
    assert "gain 2" in sentence.inner_text()
    assert slider.get_attribute("aria-valuetext") == "2.0"
    assert slider.get_attribute("data-lm-suppress-shortcuts") == "true"
    assert page.url.endswith("#hero?width=64&gain=2&tau=every+epoch")
    page.keyboard.press("ArrowLeft")
    assert curve(page) == before
    assert sentence.inner_text() == said


def test_link_restores_the_setting_and_figures_coexist(page_of, visit):
    address = page_of(made_up("one").html(), made_up("two").html())
    page = visit(f"{address}#two?width=128&tau=never&gain=nonsense")
    one, two = (page.locator(f"#{name} [aria-live]") for name in ("one", "two"))
    assert two.inner_text().startswith("Width 128, gain 1, never")
    assert one.inner_text().startswith("Width 64, gain 1, every epoch")
    page.locator("#one").get_by_role("slider", name="Layer width").press("Home")
    assert one.inner_text().startswith("Width 16")
    assert two.inner_text().startswith("Width 128")
    fragment = page.url.split("#")[1]
    again = visit(f"{address}#{fragment}")
    assert again.locator("#one [aria-live]").inner_text().startswith("Width 16")
    assert again.locator("#two [aria-live]").inner_text().startswith("Width 128")
    assert page.locator("#wis-explorable-script").count() == 1


def test_curves_bands_theory_and_names_are_drawn(page_of, visit):
    page = visit(page_of(made_up("hero").html()))
    panel = page.locator(".wis-panel").first
    assert panel.locator(".wis-curve path").count() == 3
    assert panel.locator("[fill-opacity] path").count() == 1
    assert panel.locator(".wis-curve[stroke-dasharray]").count() == 1
    text = panel.inner_text()
    assert "this setting" in text
    assert "band: made up" in text
    boxes = [
        panel.get_by_text(name, exact=True).bounding_box() for name in ("initial", "this setting")
    ]
    first, second = sorted(boxes, key=lambda box: box["y"])
    assert first["y"] + first["height"] <= second["y"] + 3


def test_table_and_csv_hold_the_data(page_of, visit):
    explorable = made_up("hero")
    page = visit(page_of(explorable.html()))
    page.get_by_text("Data of this figure").click()
    assert page.locator(".wis-tables table").count() == 2
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    assert download.value.suggested_filename == "hero-width-64-gain-1-tau-every epoch.csv"
    rows = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    drawn = explorable.grid[explorable.start].curves
    assert len(rows) == sum(len(c.x) for curves in drawn.values() for c in curves)
    mine = [r for r in rows if r["panel"] == "std" and r["curve"] == "this setting"]
    for row, y, low in zip(mine, drawn["std"][2].y, drawn["std"][2].low, strict=True):
        assert float(row["y"]) == pytest.approx(y, rel=5e-4)
        assert float(row["low"]) == pytest.approx(low, rel=5e-4)


def test_redraw_takes_at_most_50_ms(page_of, visit):
    page = visit(page_of(made_up("hero").html()))
    devtools = page.context.new_cdp_session(page)
    # The page's own processor time, which a busy machine does not stretch.
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds():
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    slider = page.get_by_role("slider", name="Layer width")
    slider.press("Home")
    before, moves = seconds(), ["ArrowRight"] * 3 + ["ArrowLeft"] * 3
    for key in moves:
        slider.press(key)
    assert (seconds() - before) / len(moves) < 0.05


@pytest.mark.parametrize("width", [375, 320])
def test_narrow_screens_do_not_overflow(page_of, visit, width):
    figure, axes = figures.canvas(2)
    for panel in axes:
        panel.plot([0, 1], [0, 1])
    shown = figures.show(figure, "Both lines rise from 0 to 1.", "A caption.")
    page = visit(page_of(made_up("hero").html(), shown.html()), width=width, has_touch=True)
    page.get_by_text("Data of this figure").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panels = [panel.bounding_box() for panel in page.locator(".wis-panel").all()]
    assert panels[1]["y"] >= panels[0]["y"] + panels[0]["height"]
    for slider in page.get_by_role("slider").all():
        assert slider.bounding_box()["height"] >= 44
    sizes = page.locator(".wis-panel text").evaluate_all(
        "(all) => all.map((text) => parseFloat(getComputedStyle(text).fontSize))"
    )
    assert min(sizes) >= 12


def test_dark_follows_the_page_and_the_system(page_of, visit):
    def ink(page):
        colour = page.locator(".wis-title").evaluate("(e) => getComputedStyle(e).color")
        return "#" + "".join(f"{int(v):02x}" for v in re.findall(r"\d+", colour)[:3])

    body = made_up("hero").html()
    assert ink(visit(page_of(body, theme="dark"))) == style.DARK_INK
    assert ink(visit(page_of(body, theme="light"), color_scheme="dark")) == style.INK
    for theme in ("", "auto"):
        assert ink(visit(page_of(body, theme=theme), color_scheme="dark")) == style.DARK_INK
        assert ink(visit(page_of(body, theme=theme), color_scheme="light")) == style.INK
    page = visit(page_of(body, theme="dark"))
    name = page.locator(".wis-panel").first.get_by_text("this setting", exact=True)
    fill = name.evaluate("(e) => getComputedStyle(e).fill")
    code = "#" + "".join(f"{int(v):02x}" for v in re.findall(r"\d+", fill)[:3])
    assert style.contrast(code, style.DARK_PAPER) >= 4.5


def test_without_javascript_the_start_sentence_stands(page_of, visit):
    page = visit(page_of(made_up("hero").html()), java_script_enabled=False)
    assert "With width 64, gain 1, tau every epoch: Width 64" in page.inner_text("main")
    assert "need JavaScript" in page.inner_text("main")
    assert page.get_by_role("slider").count() == 0
