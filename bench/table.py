"""One Markdown table: medians with their ranges, and ratios of what was measured in the same round."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line: a figure a round; `ceilings` has one for each of the same rounds, or nothing."""

    what: str
    unit: str = ""
    figures: Sequence[float] = field(default=())
    p50: Sequence[float] = field(default=())  # milliseconds, as is p99
    p99: Sequence[float] = field(default=())
    ceilings: Sequence[float] = field(default=())

    def cells(self) -> list[str]:
        pairs = zip(self.figures, self.ceilings, strict=False)
        ratios = [figure / ceiling for figure, ceiling in pairs if ceiling]
        latency = f"{spread(self.p50)} / {spread(self.p99)}" if self.p50 else ""
        measured = f"{spread(self.figures)} {self.unit}".strip()
        return [self.what, measured, latency, spread(self.ceilings), spread(ratios)]


def spread(figures: Sequence[float]) -> str:
    """`median [least-most]`, or the figure alone where there is one."""
    if not figures:
        return ""
    middle = _short(statistics.median(figures))
    return middle if len(figures) == 1 else f"{middle} [{_short(min(figures))}-{_short(max(figures))}]"


def _short(figure: float) -> str:
    """Three digits that count."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def table(rows: Sequence[Row]) -> str:
    head = ["what", "measured", "p50 / p99, ms", "ceiling, same run", "ratio"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
