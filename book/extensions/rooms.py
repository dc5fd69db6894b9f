"""A directive for the library's pages: everything public in one room, file by file.

    :::{room} companion.evidence
    :::

The files are found when the page is built, so a new one needs no new line here. With `:files:`
those in the room's folders are left to pages of their own.
"""

import importlib
import pkgutil
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


def files_of(room: str, folders: bool = True) -> list[str]:
    """Return the public files of a room in the alphabet's order, those of a folder in it after
    the folder itself, or without folders and theirs; none where the room is one file."""
    path = getattr(importlib.import_module(room), "__path__", [])
    found = sorted((one.name, one.ispkg) for one in pkgutil.iter_modules(path))
    files = [f"{room}.{name}" for name, folder in found
             if not name.startswith("_") and (folders or not folder)]  # fmt: skip
    return [name for file in files for name in (file, *files_of(file, folders))]


def markdown(room: str, folders: bool = True) -> str:
    """Return the room's page below its title: a section a file, or the file itself."""
    files = files_of(room, folders)
    if not files:
        return automodule(room, "members")
    about = (
        automodule(room, "no-index", "no-members") if importlib.import_module(room).__doc__ else ""
    )
    names = [file.removeprefix(f"{room}.") for file in files]  # short enough for the contents
    return about + "".join(
        f"## `{name}`\n\n{automodule(file, 'members')}"
        for name, file in zip(names, files, strict=True)
    )


def automodule(name: str, *options: str) -> str:
    """Return Markdown that documents one module."""
    lines = "".join(f"   :{option}:\n" for option in options)
    return f"```{{eval-rst}}\n.. automodule:: {name}\n{lines}```\n\n"


class Room(SphinxDirective):
    """The directive `room`."""

    required_arguments = 1
    option_spec: ClassVar = {"files": directives.flag}

    def run(self):
        """Return the documentation of the room that the argument names."""
        part = nodes.section()
        part.document = self.state.document
        lines = StringList(
            markdown(self.arguments[0], "files" not in self.options).splitlines(), source=""
        )
        self.state.nested_parse(lines, self.content_offset, part, match_titles=True)
        return part.children


def setup(app):
    """Add the directive to Sphinx."""
    app.add_directive("room", Room)
    return {"version": "1", "parallel_read_safe": True}
