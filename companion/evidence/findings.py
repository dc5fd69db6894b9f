"""What a finding is: a lead in a paper, what is printed, what we compute, and the verdict."""

from collections.abc import Iterable
from dataclasses import dataclass

from companion.evidence.claims import Claim

VERDICTS = ("holds", "does not hold", "left open")
"""What is printed follows from the printed numbers; it does not; the print does not settle it."""


@dataclass(frozen=True)
class Finding:
    """One lead: what is printed and where, what we compute, the verdict on what is printed, and
    its effect: one sentence on what it changes and what it does not."""

    lead: str
    source: str
    where: str
    printed: str
    computed: str
    verdict: str
    effect: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"a finding's verdict is one of {', '.join(VERDICTS)}, got {self.verdict!r}; "
                "use one."
            )

    def claim(self) -> Claim:
        """The finding as a sentence with a badge, for `claims.show`."""
        return Claim(
            f"{self.source}, {self.where}. Printed: {self.printed}. Computed: {self.computed}. "
            f"{self.effect}",
            self.verdict,
        )


def judge(rows: Iterable[bool]) -> str:
    """Return "holds" when every row is true, else "does not hold"."""
    return "holds" if all(rows) else "does not hold"
