"""Make areas.csv, the 317 areas of Jakarta, from a folder that holds jakarta_areas.csv."""

import csv
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLUMNS = ("code", "level", "name", "kecamatan", "kota", "lat", "long", "aliases", "postal_code")

# Spellings that people use and the source does not have, by our own knowledge.
MORE_ALIASES = {
    "31.71.05": "Cempit",
    "31.74.05": "Keblama",
    "31.74.07": "Kebaru",
}


def main(source: Path) -> None:
    """Write areas.csv beside this script."""
    with (source / "jakarta_areas.csv").open(encoding="utf-8", newline="") as file:
        rows = [_row(row) for row in csv.DictReader(file)]
    with (HERE / "areas.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (len(row["code"]), row["code"])))
    print(f"{len(rows)} areas")


def _row(row: dict[str, str]) -> dict[str, str]:
    code = row["kode_kemendagri"]
    aliases = [name for name in (row["aliases"], MORE_ALIASES.get(code, "")) if name]
    return {
        "code": code,
        "level": row["level"],
        "name": row["name"],
        "kecamatan": row["kecamatan"],
        "kota": row["kota"],
        "lat": row["lat"],
        "long": row["lon"],
        "aliases": ";".join(aliases),
        "postal_code": row["postal_code"],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
