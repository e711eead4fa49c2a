"""Make landmarks.csv, streets.csv and stops.csv from a folder that holds pois_osm.csv, streets.csv and
transit_stops.csv."""

import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLUMNS = ("name", "kind", "lat", "long", "area_code")
KINDS = {"government_office": "office", "hospital": "hospital", "clinic": "hospital", "industrial": "factory"}
# A name that says what a place is, not which one.
PLAIN = re.compile(
    r"^(tk|sd|smp|sma|smk|paud|sekolah|school|masjid|musholla|pasar|market|puskesmas|klinik|apotek|rumah sakit|"
    r"pabrik( \w+)?|gudang|warehouse|factory|kantor|kelurahan|kecamatan|polsek|koramil|halte|terminal|bank|"
    r"alfamart|alfamidi|indomaret|indomart|giant|carrefour|superindo|lotte ?mart|7.?eleven|lawson|"
    r"stasiun|gereja|rs|rsia|pos|makam|tpu|tugu|ruko|bengkel|spbu|pom bensin)\W*\d*$",
    re.IGNORECASE,
)
STREET = re.compile(r"^(jl|jln|jalan|gang|gg)\b", re.IGNORECASE)


def main(source: Path) -> None:
    """Write the three files beside this script."""
    points = [_point(row, row["category"]) for row in _rows(source / "pois_osm.csv")]
    _write(HERE / "landmarks.csv", COLUMNS, _one_each(points))
    stops = [_point(row, row["mode"]) for row in _rows(source / "transit_stops.csv")]
    _write(HERE / "stops.csv", COLUMNS, _one_each(row for row in stops if not STREET.match(row["name"])))
    streets = [_street(row) for row in _rows(source / "streets.csv")]
    _write(HERE / "streets.csv", ("name", "lat", "long", "area_codes"), streets)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _point(row: dict[str, str], kind: str) -> dict[str, str]:
    return {
        "name": " ".join(row["name"].split()),
        "kind": KINDS.get(kind, kind.partition(":")[0]),
        "lat": row["lat"],
        "long": row["lon"],
        "area_code": row["kode"],
    }


def _street(row: dict[str, str]) -> dict[str, str]:
    return {
        "name": row["street"],
        "lat": row["lat"],
        "long": row["lon"],
        "area_codes": row["kode_kelurahan"],
    }


def _one_each(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Leave out names that say nothing; of several points with one name and area keep the first."""
    kept: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row["area_code"] and len(row["name"]) > 3 and not PLAIN.match(row["name"]):
            kept.setdefault((row["name"].casefold(), row["area_code"]), row)
    return [kept[key] for key in sorted(kept)]


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path.name}: {len(rows)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
