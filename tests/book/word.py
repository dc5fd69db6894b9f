"""What a page's words may hold: the rules of the book's text, each a function that names faults.

A page is its Markdown; a notebook's is that of its Markdown cells, one after the other.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXERCISE = re.compile(r"^(:{3,})\{(exercise|solution)\}.*?^\1$", re.S | re.M)
FENCE = re.compile(r"^(`{3,})(?!\{(?!code)).*?^\1", re.S | re.M)  # code, not a directive
CODE = re.compile(r"(`+).+?\1", re.S)
MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$([^$]+)\$", re.S)
NUMBER = re.compile(r"(?<![\w.])\d*\.\d+|(?<![\w.])\d+(?:\.\d+)?\s?%")
NAMED = re.compile(
    r"(?:theorem|corollary|lemma|section|figure|table|equation|appendix|Python|BY)\s+\d+\.\d+"
    r"(?:, \d+\.\d+)*(?:(?: or | and |–)\d+\.\d+)?"  # a place in a paper, a version
    r"|\d+ % (?:confidence )?interval"  # an interval's kind
    r"|\bWD \d+\.\d+",  # an arm's name
    re.I,
)
GREEK = re.compile(
    r"alpha|beta|gamma|delta|(var)?epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|"
    r"tau|upsilon|(var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
WORDS = re.compile(  # and the space after a line, as in \\[4pt]
    r"\\(?:text|operatorname|mathrm|begin|end|tag)\*?\{[^{}]*\}|\\\\\[[^\]]*\]"
)


def page(path: Path) -> str:
    """Return the Markdown of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def typed_numbers(text: str) -> list[str]:
    """Return the lines with a decimal or a percentage that nobody computed.

    >>> typed_numbers("It gains 1.5 points, and `0.5` of them at $g = 0.5$.")
    ['1.5 in "It gains 1.5 points, and  of them at ."']
    >>> typed_numbers("By theorem 3.1 the 95 % interval of WD 0.01 leaves out zero.")
    []
    """
    for outside in (EXERCISE, FENCE, MATH, CODE):
        text = outside.sub("", text)
    text = re.sub(r"\]\([^)]*\)", "]", NAMED.sub("", text))
    return [
        f'{found[0]} in "{line[:160]}"'
        for line in text.splitlines()
        for found in [NUMBER.search(line)]
        if found
    ]


def symbols(text: str) -> set[str]:
    """Return the letters of a page's formulas, without words, indices in words and exercises.

    >>> sorted(symbols("With $\\\\sigma_{\\\\text{in}} = g / \\\\sqrt n$, not `q`."))
    ['\\\\sigma', 'g', 'n']
    """
    for outside in (EXERCISE, FENCE, CODE):
        text = outside.sub("", text)
    found = set()
    for pair in MATH.findall(text):
        formula = WORDS.sub(" ", "".join(pair))
        names = re.findall(r"\\([A-Za-z]+)", formula)
        found |= {f"\\{name}" for name in names if GREEK.fullmatch(name)}
        found |= set(re.findall(r"[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", formula)))
    return found


def exercises(text: str) -> list[str]:
    """Return what is wrong with a page's exercises: each has a label, and one solution.

    >>> exercises(":::{exercise} A\\n:label: ex-a\\n:::\\n:::{solution} ex-b\\n:::")
    ['exercise ex-a has no solution', 'solution ex-b solves no exercise']
    """
    asked = re.findall(r"^:{3,}\{exercise\}[^\n]*\n(?::label: (\S+))?", text, re.M)
    solved = re.findall(r"^:{3,}\{solution\} (\S+)", text, re.M)
    faults = [f"exercise {label or '?'} has no solution" for label in asked if label not in solved]
    faults += [f"solution {label} solves no exercise" for label in solved if label not in asked]
    twice = {label for label in solved if solved.count(label) > 1}
    return faults + [f"exercise {label} has two solutions" for label in sorted(twice)]


def citations(text: str) -> set[str]:
    """Return the keys that a page cites.

    >>> sorted(citations("Known {cite:p}`a2001, b2002`, and {cite:t}`c2003`."))
    ['a2001', 'b2002', 'c2003']
    """
    lists = re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
    return {key.strip() for keys in lists for key in keys.split(",")}
