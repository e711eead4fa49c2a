"""The public collections under ../shared, read row by row, and the figures that a part gives back."""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from config.pack import Pack, load_pack
from normalizer.normalize import normalize
from normalizer.schema import Draft

PACK = Path(__file__).resolve().parents[2] / "config" / "jakarta"
Figure = tuple[str, str, str]  # what, measured, goal


@lru_cache(maxsize=1)
def pack() -> Pack:
    """Give Jakarta's pack."""
    return load_pack(PACK)


@lru_cache(maxsize=50_000)
def understood(text: str) -> Draft:
    """Understand a text by itself, once for all parts."""
    return normalize(text, pack=pack())


def rows_of(shared: Path, name: str) -> list[dict[str, str]]:
    """Read one of the CSV files under data/. Raises FileNotFoundError."""
    with (shared / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def crosswalk(shared: Path, dataset: str) -> dict[str, str]:
    """Give a collection's own labels -> our service codes."""
    found = rows_of(shared, "categories/crosswalk.csv")
    return {row["label"].strip(): row["category"] for row in found if row["dataset"].startswith(dataset)}


def jsonl(path: Path) -> list[dict[str, object]]:
    """Read a file of one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def is_read(text: str) -> bool:
    """Whether a row belongs to the half that we read while tuning; the other half is only measured."""
    return hashlib.sha256(text.encode()).digest()[0] < 128


def share(part: float, whole: float) -> str:
    """Write a share with what it is of: "0.87 (of 200)"."""
    return f"{part / whole:.3f} (of {whole:g})" if whole else "none"


def f1_of(wanted: Sequence[str | None], given: Sequence[str | None], label: str) -> float:
    """Give F1 of one label: the harmonic mean of precision and recall."""
    hits = sum(want == got == label for want, got in zip(wanted, given, strict=True))
    both = sum(want == label for want in wanted) + sum(got == label for got in given)
    return 2 * hits / both if both else 0.0


def table(figures: Iterable[Figure]) -> str:
    """Lay figures out as a Markdown table."""
    lines = ["| what | measured | goal |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {measured} | {goal} |" for what, measured, goal in figures)])


def counted(found: Mapping[tuple[str, str], int], most: int) -> str:
    """Write the most frequent confusions, wanted -> given."""
    ranked = sorted(found.items(), key=lambda item: -item[1])[:most]
    return "\n".join(f"  {number:4}  {wanted} -> {given}" for (wanted, given), number in ranked)
