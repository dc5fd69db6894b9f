"""Every built page under axe-core, on a desk and on a phone, light and dark: nothing that axe calls
serious or critical."""

import pytest

from tests.browser import chromium

SERIOUS = ("serious", "critical")
# Nothing is fetched a second time, and only what is wrong is reported in full.
OPTIONS = {"preload": False, "resultTypes": ["violations"]}
# What the dark theme can change: colours. The rest is the same page.
DARK = OPTIONS | {"runOnly": ["color-contrast", "link-in-text-block"]}
# The pages of the library are long and of one make: on a phone two of them stand for all.
WIDE_ONLY = [
    name
    for name in chromium.pages()
    if "/api/" in name and not name.endswith(("index.html", "machine.html"))
]
if not chromium.HTML.is_dir():
    pytest.skip("no built pages: make book", allow_module_level=True)


def audit(page, options=OPTIONS) -> list[str]:
    """Return what axe-core finds on a page, one line a fault."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    return [
        f"{fault['impact']} {fault['id']}: {' '.join(map(str, node['target']))}: "
        f"{' '.join(node['failureSummary'].split())}"
        for fault in axe.Axe().run(page, options=options).response["violations"]
        for node in fault["nodes"]
        if fault["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("name", chromium.pages())
def test_axe_finds_nothing_serious(visit, served, name):
    page = visit(f"{served}/{name}", reduced_motion="reduce")
    chromium.settle(page)
    found = []
    for width in (1280,) if name in WIDE_ONLY else (1280, 375):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(600)  # the theme looks anew at what scrolls 0.3 s after a new width
        for theme, options in (("light", OPTIONS), ("dark", DARK)):
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
            found += [f"{width} {theme}: {fault}" for fault in audit(page, options)]
    assert not found, "\n".join(found)


def test_axe_sees_a_fault(visit):
    page = visit("data:text/html,<html lang=en><title>t</title><h1>t</h1><img src='data:,'></html>")
    assert any(line.startswith("critical image-alt: img") for line in audit(page))
