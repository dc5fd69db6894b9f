"""The book's own Sphinx extensions: alt text is demanded, docstrings are plain, rooms are whole."""

import doctest
import importlib.util
import pkgutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import companion
from companion import chapters

ROOT = Path(__file__).resolve().parents[2]


def extension(name: str):
    """Return one of the book's extensions as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"book/extensions/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


alt_text, plain_docstrings, rooms, mends = map(
    extension, ("alt_text", "plain_docstrings", "rooms", "mends")
)


@pytest.mark.parametrize(
    "image",
    [
        '<img src="a.png">',
        '<img src="a.png" alt="">',
        '<img src="a.png" alt="  ">',
        '<img src="a.png" alt="../_images/a.png">',
        '<article><p>x<br><img src="a.png" alt="A figure"/></p></article>',
        "<svg><path/></svg>",
        '<svg role="img" aria-label=""><path/></svg>',
        "<svg><title></title><path/></svg>",
        '<object data="a.svg"></object>',
        '<span aria-hidden="true"></span><img src="a.png">',
    ],
)
def test_a_silent_image_is_found(image):
    assert len(alt_text.silent(image)) == 1


@pytest.mark.parametrize(
    "image",
    [
        '<article><img src="a.png" alt="Loss falls, then rises"></article>',
        '<svg role="img" aria-label="Loss falls, then rises"><svg/><path/></svg>',
        "<svg><title>Loss falls, then rises</title><path/></svg>",
        '<svg aria-hidden="true"><path/></svg>',
        '<i aria-hidden="true"><img src="a.png"></i>',
        '<img class="logo__image only-light" alt="" src="logo.svg">',
    ],
)
def test_an_image_that_speaks_or_hides_is_left_alone(image):
    assert not alt_text.silent(image)


def test_the_example_of_the_check_holds():
    results = doctest.testmod(alt_text)
    assert results.attempted
    assert not results.failed


def build(folder: Path, page: str):
    """Build a book of one page with the extension."""
    from sphinx.application import Sphinx

    (folder / "index.rst").write_text(f"Title\n=====\n\n{page}\n")
    (folder / "curve.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    out = folder / "out"
    settings = {"extensions": ["alt_text"], "html_theme": "basic"}
    app = Sphinx(folder, None, out, out, "html", settings, status=None, warning=None)
    app.build()


# What Sphinx 7.4 itself still calls is not ours to mend.
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")
def test_a_book_with_a_silent_image_is_not_built(tmp_path, monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(ROOT / "book/extensions")
    build(tmp_path, ".. image:: curve.svg\n   :alt: Loss falls, then rises")
    with pytest.raises(Exception, match=r"index.html: img .*curve.svg must say what it shows"):
        build(tmp_path, ".. image:: curve.svg\n")


def test_signs_in_a_docstring_mean_themselves():
    assert plain_docstrings.rewrite(["g v / |v| of fill_ and [out, *kernel]"]) == [
        r"g v / \|v\| of fill\_ and [out, \*kernel]"
    ]
    kept = ["*emphasis*, `a_`, ``|b|`` and a * b", "", "* a list", "  goes on"]
    assert plain_docstrings.rewrite(kept) == [kept[0].replace("a * b", r"a \* b"), *kept[1:]]


def test_letters_may_touch_code_in_a_docstring():
    assert plain_docstrings.rewrite(["Many `Curve`s."]) == [r"Many `Curve`\ s."]


def test_an_example_in_a_docstring_stays_as_it_is():
    example = ["Text.", "", ">>> fill_(|a|)", "array([*])", ""]
    assert plain_docstrings.rewrite(example) == example


def test_indented_lines_of_a_docstring_are_shown_as_they_stand():
    given = ["The table has", "    a_: |x|", "", "    b", "Then text."]
    assert plain_docstrings.rewrite(given) == [
        "The table has", "", "::", "", "    a_: |x|", "", "    b", "", "Then text.",
    ]  # fmt: skip
    given = ["A formula::", "", "    a_ = b_", "", "Text."]
    assert plain_docstrings.rewrite(given) == given


def test_a_list_in_a_docstring_begins_after_an_empty_line():
    assert plain_docstrings.rewrite(["Columns:", "* a", "* b"]) == ["Columns:", "", "* a", "* b"]


def test_every_room_has_a_page_and_every_file_is_on_it():
    names = {found.name for found in pkgutil.iter_modules(companion.__path__)} - {"cli"}
    pages = {path.stem for path in (ROOT / "book/api").glob("*.md")} - {"index"}
    assert pages == names
    toc = (ROOT / "_toc.yml").read_text()
    for name in names:
        assert f"file: book/api/{name}\n" in toc
        assert f":::{{room}} companion.{name}\n" in (ROOT / f"book/api/{name}.md").read_text()
    for folder in (one.name for one in pkgutil.iter_modules(chapters.__path__) if one.ispkg):
        page = (ROOT / f"book/api/chapters/{folder}.md").read_text()
        assert f":::{{room}} companion.chapters.{folder}\n" in page
        assert f"file: book/api/chapters/{folder}\n" in toc
        assert f"](chapters/{folder}.md)" in (ROOT / "book/api/chapters.md").read_text()
    shared = rooms.files_of("companion.chapters", folders=False)
    assert "companion.chapters.ledger" in shared
    assert "companion.chapters.compander" not in shared
    assert "companion.evidence.records" in rooms.files_of("companion.evidence")
    assert rooms.files_of("companion.streams") == []
    files = rooms.files_of("companion.display")
    assert {"companion.display.labs", "companion.display.labs.view"} < set(files)
    folder = files.index("companion.display.labs")
    assert files[folder + 1].startswith("companion.display.labs.")
    page = rooms.markdown("companion.evidence")
    assert ".. automodule:: companion.evidence.records\n   :members:\n" in page
    assert "\n## `records`\n" in page


def test_figures_drawn_by_code_are_numbered_and_referred_to():
    drawn = (
        '<figure class="wis"{}><div>d</div><figcaption style="x">What to see.</figcaption></figure>'
    )
    body = (
        '<p><a href="#fig-b">the second</a>, <a href="#fig-gone">no figure</a></p>'
        + drawn.format("") + '<figure class="align"><figcaption>A photo.</figcaption></figure>'
        + drawn.format(' id="fig-b"')
    )  # fmt: skip
    page = mends.numbered(body, "<em>3a</em> · Open questions")
    assert '<a href="#fig-b">Figure 3a.2</a>, <a href="#fig-gone">no figure</a>' in page
    assert page.count("<b>Figure 3a.1.</b> What to see.") == 1
    assert page.count("<b>Figure 3a.2.</b> What to see.") == 1
    assert "<figcaption>A photo." in page
    assert "<b>Figure 1.</b>" in mends.numbered(drawn.format(""), "Reproduction")


def test_a_cell_of_cards_carries_its_columns_name():
    body = (
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>"
        '<svg viewBox="0 0 1 1"></svg>'
        '<table id="T" class="cards table"><thead><tr><th>cell</th><th><p>our run</p></th>'
        '<th>read</th></tr></thead><tbody><tr><th colspan="3">a block</th></tr>'
        "<tr><th>WR</th><td>48.7</td><td><p></p></td></tr>"
        '<tr><td>WD</td><td>–</td><td><a href="x">0</a></td></tr></tbody></table>'
    )
    plain, cards = mends.CARDS.sub(mends.labelled, body).split("</svg>")
    assert plain == body.split("</svg>")[0]
    for cell in (
        '<th colspan="3">a block</th>',
        '<th data-label="cell">WR</th>',
        '<td data-label="our run">48.7</td>',
        '<td data-empty="" data-label="read"><p></p></td>',
        '<td data-empty="" data-label="our run">–</td>',
        '<td data-label="read"><a href="x">0</a></td>',
    ):
        assert cell in cards


def test_a_formula_keeps_the_mark_after_it():
    formula = r'<span class="math notranslate nohighlight">\(a &lt; 1\)</span>'
    body = f"<p>{formula}. Then ({formula}), or {formula} or <code>x</code>.</p>"
    tied = '<span class="kept">{}</span>'.format
    assert mends.kept(body) == (
        f"<p>{tied(formula + '.')} Then {tied('(' + formula + '),')} or {formula} or "
        "<code>x</code>.</p>"
    )


def script(filename, **attributes):
    return SimpleNamespace(filename=filename, attributes=attributes)


def test_a_page_is_mended():
    context = {
        "body": '<div role="doc-biblioentry">',
        "generate_toctree_html": lambda kind: "<summary>v</summary>",
        "pathto": lambda name, resource: f"../{name}",
        "script_files": [
            script(None, type="application/vnd.jupyter.widget-state+json", body="{}"),
            script(None, body="const A = 1"), script("a.js"), script("", body="const A = 1"),
        ],
    }  # fmt: skip
    context["body"] += '<span class="sig-paren">(</span>\n\n<dl>\n<dd><em>a</em>,</dd>\n</dl>\n'
    mends.mend(None, "page", "page.html", context, None)
    assert context["body"] == (
        '<div role="listitem"><span class="sig-paren">(</span>'
        '<span class="sig-line"><em>a</em>,</span>'
    )
    assert [(one.filename, one.attributes.get("body")) for one in context["script_files"]] == [
        (None, "const A = 1"),
        ("a.js", None),
    ]
    assert context["generate_toctree_html"]("sidebar").startswith("<summary aria-label=")
    assert (
        'rel="apple-touch-icon" sizes="180x180" href="../_static/icon-180.png"'
        in (context["metatags"])
    )
    for file in mends.FILES:
        assert (ROOT / "book" / file).is_file()
