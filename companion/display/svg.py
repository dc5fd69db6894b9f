"""A matplotlib figure as inline SVG that turns with the theme of the page, and its alt text.

Drawn with text as text and colours as CSS variables (`style.css`), one SVG serves light and dark
paper, any screen, and any sans-serif that the page brings.
"""

import hashlib
import html
import io
import re
import sys

import matplotlib
from matplotlib.transforms import Bbox

from companion.display import style
from companion.display.labels import settle

_VARIABLES = {
    style.INK: "ink",
    style.MUTED: "muted",
    style.RULE: "rule",
    style.LIGHT_PAPER: "paper",
} | {code: name for name, code in style.PALETTE.items()}
_GAP = 16  # CSS px between panels
_SHRINK = 0.68  # no drawing shrinks below this share of its size; it scrolls sideways instead


def inline(figure, alt: str) -> str:
    """Return the figure as SVG in one `role="img"` whose accessible name is `alt`.

    Each Axes becomes an SVG of its own, so that the panels which stand side by side on a wide
    page stand below one another on a phone. The same figure gives the same text.
    """
    if not alt.strip():
        raise ValueError(f"alt must say what the figure shows, got {alt!r}; write one sentence")
    if not figure.axes:
        raise ValueError("figure must have axes, got none; draw before you show")
    settle(figure)
    figure.set_layout_engine("none")
    salt = hashlib.sha256(alt.encode()).hexdigest()[:12]
    panels = [
        _drawing(figure, axes, box, f"{salt}-{number}")
        for number, (axes, box) in enumerate(_boxes(figure))
    ]
    return (
        f'<div role="img" aria-label="{html.escape(alt)}" '
        f'style="display:flex;flex-wrap:wrap;gap:{_GAP}px">{"".join(panels)}</div>'
    )


def _boxes(figure):
    """Return each visible Axes with its box in inches; boxes of one row are equally high."""
    boxes = [(axes, axes.get_tightbbox()) for axes in figure.axes if axes.get_visible()]
    for axes, box in boxes:
        row = [b for a, b in boxes if round(a.bbox.y0) == round(axes.bbox.y0)]
        low, high = min(b.y0 for b in row), max(b.y1 for b in row)
        inches = Bbox([[box.x0, low], [box.x1, high]]).transformed(
            figure.dpi_scale_trans.inverted()
        )
        yield axes, inches.padded(0.02)


def _drawing(figure, axes, box, salt: str) -> str:
    visible = [other for other in figure.axes if other.get_visible()]
    buffer = io.StringIO()
    try:
        for other in visible:
            other.set_visible(other is axes)
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
            figure.savefig(
                buffer, format="svg", transparent=True, bbox_inches=box, metadata=_NO_METADATA
            )
    finally:
        for other in visible:
            other.set_visible(True)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :].strip()
    # 72 points an inch in the drawing, 96 CSS px an inch on the page.
    width, height = (float(v) for v in re.search(r'viewBox="0 0 (\S+) (\S+)"', drawing).groups())
    size = width * 96 / 72
    opening = (
        f'<svg aria-hidden="true" viewBox="0 0 {width:g} {height:g}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'style="display:block;flex:{size:.0f} 1 {0.8 * size:.0f}px;height:auto;'
        f'min-width:{_SHRINK * size:.0f}px;max-width:{size:.0f}px;overflow:visible">'
    )
    return opening + _themed(drawing[drawing.index(">") + 1 :])


def _themed(drawing: str) -> str:
    """Return the drawing without metadata and comments, in the colours and the font of the page."""
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.S)
    drawing = re.sub(r"<text .*?</text>", _themed_text, drawing, flags=re.S)
    for code, name in _VARIABLES.items():
        drawing = re.sub(code, f"var(--wis-{name})", drawing, flags=re.I)
    drawing = re.sub(r'<g id="[^"]*"/>| transform="rotate\(-0 [^"]*"', "", drawing)
    drawing = re.sub(r'<g id="[^"]*"', "<g", drawing)  # named alike in every drawing of a page
    drawing = re.sub(r' (?:d|x|y|transform)="[^"]*"', _shorter, drawing)
    return re.sub(r"\s*\n\s*", " ", drawing)


_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def _themed_text(match: re.Match) -> str:
    text = re.sub(r"(font(?:-family)?: (?:[^;']*? )?)('[^;]*?)(?=[;\"])", r"\1inherit", match[0])
    for name, value in style.PALETTE.items():
        code = style.readable(value, style.LIGHT_PAPER)
        text = re.sub(f"fill: {code}", f"fill: var(--wis-{name}-text)", text, flags=re.I)
    return text


def _shorter(match: re.Match) -> str:
    """Return the attribute with coordinates to a hundredth of a point."""
    return re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 2):g}", match[0])


class Shown:
    """A figure as the notebook and the page display it: SVG, its alt text, a caption if any.

    caption: what to see; ran: what was run, in a smaller line below. name: what a page calls it by,
    as ``<a href="#fig-name">the figure</a>``, which the built page turns into its number.
    """

    def __init__(self, svg: str, alt: str, caption: str = "", ran: str = "", name: str = ""):
        self.svg, self.alt, self.caption, self.ran, self.name = svg, alt, caption, ran, name

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def html(self) -> str:
        """Return the `<figure>`, with the style sheet of the look."""
        ran = f'<div style="font-size:.87em">{html.escape(self.ran)}</div>' if self.ran else ""
        caption = f"<figcaption {_CAPTION}>{html.escape(self.caption)}{ran}</figcaption>"
        place = f' id="fig-{html.escape(self.name)}"' if self.name else ""
        # A panel wider than a phone scrolls inside this box, which therefore takes the focus.
        return (
            f'<style>{style.css()}</style><figure class="wis"{place} style="margin:1.8rem 0">'
            f'<div tabindex="0" role="group" aria-label="Figure" '
            f'style="contain:inline-size;overflow-x:auto;overflow-y:hidden">{self.svg}</div>'
            f"{caption if self.caption or ran else ''}</figure>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": repr(self)}


_CAPTION = (
    'style="margin-top:.6rem;font-size:.95rem;line-height:1.45;color:var(--wis-muted);'
    'text-align:left"'
)


def show(figure, alt: str, caption: str = "", ran: str = "", name: str = "") -> Shown:
    """Return the figure for display: crisp, right on light and dark paper, with alt text.

    `alt` says what the figure shows (not what it is); `caption`, below, what to see, and `ran` what
    was run: runs, images, scale, hardware; `name` as in `Shown`. A pyplot figure is closed, so
    that the notebook does not show it twice.
    """
    shown = Shown(inline(figure, alt), alt, caption, ran, name)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    return shown
