"""`make corpus [PARTS=...]`: prints every figure; the part "confusions" prints the commonest mistakes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.corpus.language import language
from bench.corpus.noise import noise
from bench.corpus.photos import photos
from bench.corpus.places import places
from bench.corpus.privacy import privacy
from bench.corpus.rows import Figure, table
from bench.corpus.services import confusions, reliability, services
from bench.corpus.speed import speed

PARTS: dict[str, tuple[str, Callable[[Path], list[Figure]]]] = {
    "speed": ("Speed", speed),
    "services": ("Words to service", services),
    "reliability": ("How sure is how right (the goal is the mean stated confidence)", reliability),
    "noise": ("Report or not", noise),
    "privacy": ("Personal data", privacy),
    "places": ("Words to place", places),
    "language": ("Which language", language),
    "photos": ("Photos", photos),
}
SHARED = Path(__file__).resolve().parents[3] / "shared"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 printed, 1 the collections are not there."""
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join([*PARTS, "confusions"]))
    parser.add_argument("--shared", type=Path, default=SHARED, help="the folder that holds data/ and cases/")
    options = parser.parse_args(arguments)
    if not (options.shared / "data").is_dir():
        print(f"corpus: no collections under {options.shared} (--shared names another folder)", file=sys.stderr)
        return 1
    for part in options.parts or PARTS:
        if part == "confusions":
            print(confusions(options.shared))
        else:
            title, measure = PARTS[part]
            print(f"\n## {title}\n\n{table(measure(options.shared))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
