"""One sentence and an exit code for what a person can put right."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from companion.cli.say import say
from companion.evidence import files

PACKAGE = Path(__file__).resolve().parents[1]
BAD_INPUT, INTERRUPTED = 2, 130
GO_ON = ("run", "grade", "import")
"""The commands that keep what is done, and go on there when they are given again."""


def leave(sentence: str, code: int) -> NoReturn:
    """Print the sentence to stderr and end the command with the exit code."""
    say(" ".join(sentence.split()).rstrip(".") + ".", err=True)
    raise typer.Exit(code)


def raised_here(error: BaseException) -> bool:
    """Whether this package raised it, by a rule on what is given to it.

    A ValueError out of another library is a fault of ours, and keeps its traceback.
    """
    frame, _ = list(traceback.walk_tb(error.__traceback__))[-1]
    return Path(frame.f_code.co_filename).resolve().is_relative_to(PACKAGE)


class OneSentence(TyperGroup):
    """A group of commands in which bad input, refused files and Ctrl-C end with one sentence; alone
    it shows its help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take no word at all as the wish for help."""
        return super().parse_args(ctx, args or ["--help"])

    def make_context(self, *given: Any, **extra: Any) -> Any:
        """Read the options that come before a command; ``--version`` speaks here already."""
        with _one_sentence():
            return super().make_context(*given, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        with _one_sentence(ctx):
            return super().invoke(ctx)


@contextmanager
def _one_sentence(ctx: Any = None) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if not raised_here(error):
            raise
        leave(str(error), BAD_INPUT)
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever reads has seen enough
            raise
        leave(files.unusable(error), BAD_INPUT)
    except KeyboardInterrupt:
        kept = getattr(ctx, "invoked_subcommand", None) in GO_ON
        again = "give the same command again to go on" if kept else "the same command begins anew"
        leave(f"interrupted; {again}", INTERRUPTED)
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        leave(_usage(error), BAD_INPUT)


def _usage(error: Any) -> str:
    """What is wrong with the words of a command, from an error of typer or of click, which it is
    made of: both give the method and, where they know it, the context."""
    said = " ".join(error.format_message().split()).rstrip(".")
    if ";" in said:  # a sentence of ours, with its remedy
        return said
    command = getattr(getattr(error, "ctx", None), "command_path", "companion")
    return f"{said}; `{command} --help` shows what there is"
