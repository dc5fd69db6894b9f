"""The built book in a browser: from a server and from disk, wide and narrow, light and dark."""

import re
import tomllib
from urllib.parse import urlsplit

import pytest

from tests.browser import chromium
from tests.browser.chromium import HTML, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LANDING = "book/index.html"
COVERED = "notebooks/02-variance-propagation.html"
CHAPTER = "notebooks/03-decay-and-rescaling.html"
OF_THE_CHAPTER = [
    CHAPTER,
    "notebooks/03-open-questions.html",
    "notebooks/03-auditing-the-paper.html",
]
PAGES = chromium.pages()
if not HTML.is_dir():
    pytest.skip("no built pages: make book", allow_module_level=True)


@pytest.fixture(params=["server", "disk"])
def origin(request):
    """Return the address of the folder of pages, served and on disk."""
    return request.getfixturevalue("served") if request.param == "server" else HTML.as_uri()


@pytest.fixture
def opened(visit):
    """Return opened(address, ...): a page whose formulas and fonts have settled.

    `visit` fails the test on an error in the console and on a request outside.
    """

    def open_page(address, **options):
        page = visit(address, reduced_motion="reduce", **options)
        chromium.settle(page)
        return page

    return open_page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_whole(opened, origin, name):
    page = opened(f"{origin}/{name}")
    # the theme also has a heading for print, which is empty where the index has no title
    assert page.locator("main h1:visible").first.inner_text().strip()
    loaded = "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    assert any("Book Serif" in family for family in page.evaluate(loaded))
    images = page.locator("img").evaluate_all("list => list.map(i => i.naturalWidth)")
    assert all(images)


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_screen_needs_no_sideways_scrolling(opened, served, name):
    page = opened(f"{served}/{name}", width=375)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # The theme hides what is too wide; nothing but its own scrolling boxes may hide text.
    text = page.locator(".bd-article, .bd-search-container").first
    assert text.evaluate("e => e.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("name", "words"),
    [("reproduction", "where, or why not"), ("teachers", "they often believe")],
)
def test_a_phone_shows_wide_tables_row_by_row(opened, served, name, words):
    page = opened(f"{served}/book/{name}.html", width=375)
    tables = page.locator("main table.cards:visible").evaluate_all(
        "list => list.map(t => [t.scrollWidth, t.parentElement.clientWidth])"
    )
    assert len(tables) > 1
    assert all(wide <= room for wide, room in tables)
    cell = page.locator(f'table.cards [data-label="{words}"]').first
    label = cell.evaluate("e => getComputedStyle(e, '::before').content")
    assert label.replace('" "', "") == f'"{words}: "'


def test_the_first_page_leads_to_the_landing_page(visit, origin):
    page = visit(f"{origin}/index.html")
    page.wait_for_url(f"**/{LANDING}")


def test_formulas_are_set(opened, origin):
    page = opened(f"{origin}/book/notation.html")
    assert page.locator("mjx-container").count() > 10
    assert page.locator("mjx-merror").count() == 0


CONTRAST = """
elements => elements.map(element => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  let behind = element, paint;
  do { paint = getComputedStyle(behind).backgroundColor; behind = behind.parentElement; }
  while (/, 0\\)|transparent/.test(paint) && behind);
  const pair = [light(getComputedStyle(element).color), light(paint)].sort((a, b) => b - a);
  return (pair[0] + .05) / (pair[1] + .05);
})
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [LANDING, *OF_THE_CHAPTER, "book/how-to-use.html"])
def test_text_stands_out_from_its_ground(opened, served, name, scheme):
    page = opened(f"{served}/{name}", color_scheme=scheme)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    text = page.locator(".bd-article :is(p, li, td, th, h1, h2, h3, figcaption, a, label):visible")
    assert min(text.evaluate_all(CONTRAST)) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_key_shows_a_link_past_the_menus(opened, served, scheme):
    page = opened(f"{served}/{CHAPTER}", color_scheme=scheme)
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert "Skip to main content" in link.inner_text()
    page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")
    assert link.evaluate_all(CONTRAST)[0] >= 4.5
    page.keyboard.press("Enter")
    page.wait_for_url("**#main-content")


def test_the_focus_is_seen_on_every_kind_of_control(opened, served):
    page = opened(f"{served}/{LANDING}")
    unseen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen, name = page.evaluate("""() => {
          const e = document.activeElement, look = (x, p) => getComputedStyle(x, p);
          const ring = [look(e), look(e, '::after'), look(e.parentElement)].some(s =>
            (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2) ||
            s.boxShadow !== 'none');
          return [ring || e.matches('input[type=range], summary, body'), e.outerHTML.slice(0, 120)];
        }""")
        if not seen:
            unseen.append(name)
    assert not unseen


@pytest.mark.parametrize("name", OF_THE_CHAPTER)
def test_paper_is_white_and_has_no_menus(opened, served, name):
    page = opened(f"{served}/{name}", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for menu in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".prev-next-footer"):
        assert not page.locator(menu).first.is_visible()
    text = page.locator(".bd-article > section > :is(p, h1, h2, table):visible")
    assert min(text.evaluate_all(CONTRAST)) >= 4.5
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert all(int(part) >= 250 for part in re.findall(r"\d+", ground)[:3])


def test_a_link_to_a_figure_opens_its_cover(opened, origin):
    page = opened(f"{origin}/{COVERED}")
    figure = page.locator("details weights-explorable").first
    assert not figure.is_visible()
    name = figure.get_attribute("id")
    page = opened(f"{origin}/{COVERED}#{name}?")
    page.locator(f"details weights-explorable[id={name}]").wait_for(state="visible")


@pytest.mark.parametrize("name", [LANDING, CHAPTER])
def test_a_key_moves_the_slider_the_curve_and_the_sentence(opened, origin, name):
    page = opened(f"{origin}/{name}")
    for cover in page.locator("details:has(weights-explorable) > summary").all():
        cover.click()
    figure = page.locator("weights-explorable:has(input[type=range])").first
    slider = figure.locator("input[type=range]").first
    slider.wait_for()

    def state():
        return (
            slider.get_attribute("aria-valuetext"),
            figure.locator("svg").evaluate_all("all => all.map(s => s.innerHTML).join()"),
            figure.locator("[aria-live]").inner_text(),
        )

    before = state()
    key = "ArrowRight" if slider.input_value() == slider.get_attribute("min") else "ArrowLeft"
    slider.focus()
    page.keyboard.press(key)
    for old, new in zip(before, state(), strict=True):
        assert old != new


@pytest.mark.parametrize("name", OF_THE_CHAPTER)
def test_colab_opens_the_page(opened, served, name):
    page = opened(f"{served}/{name}")
    link = page.locator("a[href*='colab']").first
    repository = urlsplit(PROJECT["urls"]["Repository"]).path
    notebook = name.replace(".html", ".ipynb")
    assert link.get_attribute("href") == (
        f"https://colab.research.google.com/github{repository}/blob/colab/{notebook}"
    )


def test_colab_is_not_offered_a_page_that_is_no_notebook(opened, served):
    page = opened(f"{served}/{LANDING}")
    assert not page.locator(".dropdown-launch-buttons").is_visible()
