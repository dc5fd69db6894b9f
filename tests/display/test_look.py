"""The look is chosen once: every colour is a token, and tokens that meet can be told apart."""

import re
from pathlib import Path

import pytest

from companion.display.style import contrast

SHEET = (Path(__file__).resolve().parents[2] / "book/_static/book.css").read_text()
NAMED = re.compile(r"--([\w-]+):\s*(#[0-9a-f]{6});")
BLOCKS = re.compile(r"(html\[data-theme[^{]*)\{([^}]*)\}")


def tokens(theme: str) -> dict[str, str]:
    """Return the colours of a theme: those of every theme, then its own."""
    found = {}
    for selector, block in BLOCKS.findall(SHEET):
        if selector.strip() in ("html[data-theme]", f'html[data-theme="{theme}"]'):
            found |= dict(NAMED.findall(block))
    return found


GROUNDS = ("pst-color-background", "pst-color-on-background", "pst-color-surface")
READ = (
    "pst-color-text-base", "pst-color-text-muted", "pst-color-on-surface", "pst-color-link",
    "pst-color-link-hover", "pst-color-primary", "pst-color-secondary", "pst-color-inline-code",
    "book-good", "book-half", "book-bad", "book-none",
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_reaches_wcag_aa_on_every_ground(theme):
    colours = tokens(theme)
    weak = {
        (text, ground): round(contrast(colours[text], colours[ground]), 2)
        for text in READ
        for ground in GROUNDS
        if contrast(colours[text], colours[ground]) < 4.5
    }
    assert not weak


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_ring_of_the_focus_and_the_lines_of_tables_are_seen(theme):
    colours = tokens(theme)
    for mark in ("pst-color-accent", "book-rule"):
        for ground in GROUNDS:
            assert contrast(colours[mark], colours[ground]) >= 3  # WCAG 1.4.11
    assert contrast(colours["pst-color-text-base"], colours["pst-color-target"]) >= 4.5


def test_dark_has_a_value_for_every_colour():
    own = {
        theme: {
            name
            for selector, block in BLOCKS.findall(SHEET)
            if selector.strip() == theme
            for name, _ in NAMED.findall(block)
        }
        for theme in ("html[data-theme]", 'html[data-theme="dark"]')
    }
    light, dark = own.values()
    assert light == dark


def test_a_colour_stands_only_among_the_tokens():
    rest = BLOCKS.sub("", SHEET)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;\s,)])", rest)
    assert not re.findall(r"\b(?:rgba?|hsla?)\(", rest)
