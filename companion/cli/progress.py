"""How far a training is and how long it still takes, in a terminal and in a log."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

from companion.cli.say import plain, say

LOG_SECONDS = 60
"""Where stderr is no terminal, progress is a line this often."""
BAR = "{percentage:3.0f} % {bar} {n_fmt} of {total_fmt} epochs, {elapsed} so far, {remaining} to go"
LOG_LINE = BAR.replace("{bar} ", "")


class Progress:
    """A bar over the epochs of all runs with the remaining time; in a log, a line a minute.

    Its `begin` and `notice` are what `runner.run` takes under ``progress`` and ``notice``; leaving
    the context closes the bar.
    """

    def __init__(self, title: str) -> None:
        self.title, self.bar = title, None

    def begin(self, total: int, done: int) -> Callable[[int], None]:
        """Say what is trained; the bar itself starts with the training."""
        stored = f"; {done} of {total} epochs are stored" if done else ""
        say(self.title + stored, err=True)
        self.total, self.done = total, done
        return self.advance

    def advance(self, epochs: int) -> None:
        """Count finished epochs.

        Those of the first call come from a checkpoint: they took no time now, and the estimate
        of what remains leaves them out. A negative number takes back what is trained anew.
        """
        if self.bar is None:
            self.bar = self._bar(self.done + epochs)
        else:
            self.bar.update(epochs)

    def notice(self, sentence: str) -> None:
        """Print a sentence on a line of its own, above the bar where there is one."""
        if self.bar is not None and sys.stderr.isatty():
            self.bar.write(plain(sentence), file=sys.stderr)
        else:
            say(sentence, err=True)

    def _bar(self, done: int) -> Any:
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        return tqdm(
            total=self.total,
            initial=done,
            file=sys.stderr if terminal else _Log(),
            bar_format=BAR if terminal else LOG_LINE,
            mininterval=0.1 if terminal else LOG_SECONDS,
            miniters=1,
            ncols=shutil.get_terminal_size().columns - 1,  # 79 where a terminal does not know
            nrows=24,  # given, so that tqdm does not ask such a terminal and then stay silent
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


class _Log:
    """A file for tqdm that writes each state of its one line as a line of its own."""

    def write(self, text: str) -> None:
        if text.strip():
            say(text.strip(), err=True)

    def flush(self) -> None:
        sys.stderr.flush()
