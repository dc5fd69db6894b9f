"""The look of the book, chosen once: a colour for each kind of method, in every figure.

The colours are those of Okabe and Ito, which readers with any colour vision can tell apart. Some
are pale on white paper, some dim on dark: `readable(code, paper, ratio)` is the same hue, moved
until it stands out. A line must pass WCAG AA for graphics (3:1), its label that for small text
(4.5:1); on dark paper, where a thin line looks dimmer, both pass 4.5:1.
"""

from functools import lru_cache

from companion.experiments.arm import FAMILIES

PALETTE = dict(
    zip(
        FAMILIES,
        ("#6b6b6b", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"),
        strict=True,
    )
)
"""A kind of method, and its colour."""
DASHES = {"solid": (), "dashed": (5, 1.5), "dotted": (1.5, 1.5)}
"""On, off, in line widths."""
THEORY_DASHES = (4, 3)

# Ink, quiet ink and rules on light paper. figures.show replaces them by CSS variables, so that
# the same drawing turns with the theme of the page.
INK, MUTED, RULE = "#222832", "#5a6675", "#d9dde2"
DARK_INK, DARK_MUTED, DARK_RULE = "#ced6dd", "#9ca4af", "#3a424d"
LIGHT_PAPER, DARK_PAPER = "#ffffff", "#14181e"
TEXT_RATIO = 4.8  # a little above WCAG AA's 4.5:1 for small text
LINE_RATIOS = {LIGHT_PAPER: 3.2, DARK_PAPER: 4.8}

RC = {
    "figure.facecolor": "none",
    "figure.figsize": (7.0, 2.9),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.wspace": 0.04,
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "axes.facecolor": "none",
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.xmargin": 0,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "font.family": "sans-serif",
    "font.size": 10,
    "lines.linewidth": 1.7,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "path.simplify_threshold": 0.2,
}


def colour(family: str) -> str:
    """Return the colour of a kind of method, as #rrggbb.

    >>> colour("wd")
    '#E69F00'
    """
    if family not in PALETTE:
        raise ValueError(f"family must be one of {', '.join(PALETTE)}, got {family!r}; use one")
    return PALETTE[family]


def linestyle(dash: str):
    """Return matplotlib's line style of a dash.

    >>> linestyle("solid"), linestyle("dashed")
    ('-', (0, (5, 1.5)))
    """
    if dash not in DASHES:
        raise ValueError(f"dash must be one of {', '.join(DASHES)}, got {dash!r}; use one")
    return (0, DASHES[dash]) if DASHES[dash] else "-"


def _channels(code: str) -> list[int]:
    return [int(code[i : i + 2], 16) for i in (1, 3, 5)]


def contrast(a: str, b: str) -> float:
    """Return the WCAG 2 contrast ratio of two colours given as #rrggbb, from 1 to 21.

    >>> round(contrast("#000000", "#ffffff"))
    21
    """

    def luminance(code):
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
            for v in (c / 255 for c in _channels(code))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@lru_cache
def readable(code: str, paper: str, ratio: float = TEXT_RATIO) -> str:
    """Return the colour nearest to `code`, on its way to black or white, that reads on `paper`.

    ratio: the contrast to reach.

    >>> readable("#E69F00", "#ffffff")
    '#986900'
    """
    target = "#ffffff" if contrast("#ffffff", paper) > contrast("#000000", paper) else "#000000"
    for step in range(101):
        pairs = zip(_channels(code), _channels(target), strict=True)
        mixed = "#" + "".join(f"{round(c + (t - c) * step / 100):02x}" for c, t in pairs)
        if contrast(mixed, paper) >= ratio:
            return mixed
    return target


def text_colour(family: str) -> str:
    """Return the colour of a kind of method's label on light paper."""
    return readable(colour(family), LIGHT_PAPER)


@lru_cache
def css() -> str:
    """Return the CSS variables of the look, light and dark, for everything inside class `wis`.

    Ink, quiet ink, rules and paper are those of the page's theme (`--pst-color-...`) where it has
    them. The dark values hold where Sphinx (`html[data-theme=dark]`), JupyterLab or Colab say
    dark, and where nobody says anything and the reader's system prefers dark.
    """

    def block(ink, muted, rule, paper):
        inks = {"text-base": ink, "text-muted": muted, "border": rule, "background": paper}
        names = dict(zip(("ink", "muted", "rule", "paper"), inks.items(), strict=True))
        values = {name: f"var(--pst-color-{theirs},{own})" for name, (theirs, own) in names.items()}
        for name, value in PALETTE.items():
            values[name] = readable(value, paper, LINE_RATIOS[paper])
            values[f"{name}-text"] = readable(value, paper)
        return "".join(f"--wis-{name}:{value};" for name, value in values.items())

    light = block(INK, MUTED, RULE, LIGHT_PAPER)
    dark = block(DARK_INK, DARK_MUTED, DARK_RULE, DARK_PAPER)
    said = "html[data-theme=dark] .wis,html[theme=dark] .wis,body[data-jp-theme-light=false] .wis"
    unsaid = (
        "html:not([data-theme=light],[data-theme=dark],[theme])"
        " body:not([data-jp-theme-light]) .wis"
    )
    return (
        f".wis{{{light}color:var(--wis-ink);font-family:var(--book-sans,system-ui,"
        '-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif)}'
        f"{said}{{{dark}}}@media(prefers-color-scheme:dark){{{unsaid}{{{dark}}}}}"
        "html[data-theme=dark] .bd-content div.cell_output .text_html:has(.wis)"
        "{background-color:transparent!important;color:inherit!important}"
    )


def use() -> None:
    """Set matplotlib's rcParams to the look of the book, for figures made from now on."""
    import matplotlib

    matplotlib.rcParams.update(rc())


TEXT = ("axes.titlesize", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "font.size")


def rc(text: float = 1.0) -> dict:
    """Return the look as matplotlib rcParams; text: factor of all text."""
    from cycler import cycler

    return (
        RC
        | {name: text * RC[name] for name in TEXT}
        | {"axes.prop_cycle": cycler(color=[PALETTE[name] for name in PALETTE])}
    )
