"""A lab in a real JupyterLab: trained on the digits, stopped halfway, run again, fed bad values."""

import re
import shutil
import time
from pathlib import Path

import pytest

from tests.browser import jupyter

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("jupyterlab", reason="needs jupyterlab")
expect = playwright.expect

SLOW = 120_000  # ms: what a busy machine may take to start a server or a kernel
SOON = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jupyter")
    jupyter.write_notebook(
        folder,
        "import warnings; warnings.simplefilter('error')\n"
        "from companion.chapters.rescaling import lab\nlab.rescaling()",
        "6 * 7",
    )
    with jupyter.served(folder) as address:
        yield address


@pytest.fixture
def page(visit, server):
    opened = visit(f"{server}/doc/tree/lab.ipynb", height=1300)
    yield opened
    # JupyterLab logs warnings of its own; what it asks for outside counts
    opened.problems[:] = [said for said in opened.problems if said.startswith("asked for")]


def run_cell(page, number: int) -> None:
    """Put the cursor into a cell and press Shift+Enter."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")


def type_into(page, label: str, value: str) -> None:
    """Replace a field's text by keyboard alone.

    The cursor must be in it first: JupyterLab takes keys typed elsewhere as commands ("0 0"
    restarts the kernel).
    """
    field = page.get_by_label(label, exact=True)
    expect(field).to_be_visible(timeout=SOON)
    field.focus()
    expect(field).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(value)
    page.keyboard.press("Enter")


def press(page, name: str) -> None:
    """Press a button of the lab by keyboard."""
    button = page.locator(".wis-lab").get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled(timeout=SOON)
    button.focus()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")


def says(page, text: str | re.Pattern, timeout: int = SOON) -> None:
    expect(page.locator(".wis-lab-status")).to_have_text(text, timeout=timeout)


def test_a_lab_is_trained_stopped_run_again_and_fed_bad_values(page):
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=SLOW)
    run_cell(page, 0)
    says(page, "Not run yet with these values.", SLOW)
    figure = page.locator(".wis-lab-figure")
    assert "recorded band" in figure.get_attribute("aria-label")

    # train, and stop halfway
    page.locator(".wis-lab").get_by_role("button", name="More settings").click()
    type_into(page, "Epochs", "400")
    press(page, "Run")
    says(page, re.compile(r"Epoch [1-9]\d* of 400, about .* left"))
    curve = page.locator('.wis-lab-figure path[stroke="var(--wis-none)"]').first
    expect(curve).to_be_attached(timeout=SOON)
    before = curve.get_attribute("d")
    expect(curve).not_to_have_attribute("d", before, timeout=SOON)  # it grows
    run_cell(page, 1)  # meanwhile another cell runs
    expect(page.locator(".jp-OutputArea-output", has_text="42")).to_be_visible(timeout=SOON)
    began = time.monotonic()
    press(page, "Stop")
    says(page, re.compile(r"Stopped after epoch \d+ of 400; its curves are kept. Go on contin"))
    assert time.monotonic() - began < 10
    expect(page.locator(".wis-lab-table")).to_contain_text("of 400, stopped")
    expect(page.locator(".wis-lab-verdict")).to_have_text(re.compile("^(In|Out)side: after epoch"))

    # run again: on from there, then another setting, then back, which is instant
    stopped = figure.get_attribute("aria-label")
    press(page, "Go on")
    expect(figure).not_to_have_attribute("aria-label", stopped, timeout=SOON)
    press(page, "Stop")
    type_into(page, "Epochs", "4")
    type_into(page, "Layer width", "32")
    page.locator(".wis-lab").get_by_role("button", name="once an epoch").click()
    press(page, "Run")
    says(page, re.compile(r"Finished: 4 epochs, test accuracy \d\d.\d %"))
    names = page.locator(".wis-lab-table tbody th")
    assert names.all_inner_texts() == ["A", "B"]
    page.locator(".wis-lab").get_by_role("button", name="A", exact=True).click()
    says(page, re.compile("Stopped after epoch"))
    assert page.get_by_label("Layer width", exact=True).input_value() == "64"

    # bad values: one sentence, and a button that leads out
    alert = page.locator(".wis-lab").get_by_role("alert")
    for label, value, sentence in (
        ("Layer width", "-3", "Layer width must be a whole number from 1 to 4,096, got -3"),
        ("Layer width", "<b>wide</b>", "got '<b>wide</b>'; the nearest that works is 64."),
        ("Gain", "1e999", "Gain must be a number from 0.001 to 1,000, got inf"),
        ("Runs", "12345", "Runs must be a whole number from 1 to 1,000, got 12,345"),
    ):
        type_into(page, label, value)
        expect(alert).to_contain_text(sentence, timeout=SOON)
        press(page, "Run")
        expect(alert).to_contain_text(sentence)
        page.locator(".wis-lab").get_by_role("button", name=re.compile("^Use ")).click()
        expect(alert).to_have_count(0, timeout=SOON)
    type_into(page, "Runs", "2")
    type_into(page, "Epochs", "2")
    type_into(page, "Gain", "1")
    press(page, "Run")
    says(page, re.compile("Finished: 2 epochs"))
    assert names.all_inner_texts() == ["A", "B", "C"]
    assert (
        page.locator(".jp-RenderedText[data-mime-type*=error], .jp-OutputArea-error").count() == 0
    )
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()

    # a phone: nothing of the lab is wider than the screen
    page.set_viewport_size({"width": 400, "height": 900})
    expect(page.locator(".wis-lab")).to_be_visible()
    wide = page.evaluate(
        "[...document.querySelectorAll('.wis-lab, .wis-lab-figure svg')].filter(e =>"
        " e.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0


def test_in_a_page_the_lab_shows_the_record_and_a_link_instead_of_run(visit, tmp_path):
    from companion.chapters.rescaling import lab

    bundle = Path(__file__).parents[2] / "book" / "vendor" / "explorable"
    shutil.copytree(bundle, tmp_path / "explorable")
    page_file = tmp_path / "chapter.html"
    page_file.write_text(
        '<!DOCTYPE html><html lang="en" data-content_root="./"><meta charset="utf-8">'
        f"<title>A chapter</title><body>{lab.rescaling().html()}</body></html>"
    )
    page = visit(page_file.as_uri())
    lab = page.locator("#rescaling-lab")
    sliders = lab.get_by_role("slider")
    expect(sliders).to_have_count(3)
    status = lab.get_by_role("status").first  # the second says what a link could not set
    before = status.inner_text()
    sliders.nth(1).press("ArrowLeft")
    expect(status).not_to_have_text(before)
    link = page.get_by_role("link", name="open this chapter in Colab")
    assert link.get_attribute("href").endswith("/blob/colab/notebooks/03-decay-and-rescaling.ipynb")
    assert page.get_by_role("button", name="Run").count() == 0
