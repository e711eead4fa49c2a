"""The city pack: agencies, services, areas and texts of one city, read once from its folder, frozen."""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal


class PackError(Exception):
    """The city pack cannot be read; the message names the file and the entry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agency:
    """Who: a body that owns problems. `id` is stable and short enough for a queue's name."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: str = ""
    handles: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What: a kind of problem (Open311's service). `words` are phrases of all languages that mean it, each with
    a weight; `excludes` are phrases that speak against it."""

    code: str
    name: str
    name_en: str
    agency_id: str | None
    other_agency_ids: tuple[str, ...] = ()
    group: str = ""
    words: Mapping[str, float]
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """Where: a city or regency, a kecamatan or a kelurahan; `code` is Kemendagri's."""

    code: str
    level: Literal["kota", "kecamatan", "kelurahan"]
    name: str
    kecamatan: str | None
    kota: str | None
    lat: float
    long: float
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """A place that people name instead of an address: a market, a school, a stop."""

    name: str
    kind: str
    lat: float
    long: float
    area_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Street:
    """A street's name with the kelurahan it runs through; a point only where the street is short."""

    name: str
    lat: float | None
    long: float | None
    area_codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pack:
    """One city. `texts[language][key]` are `str.format` templates; `settings` are the city.toml's own figures.

    `neighbourhoods` are names without a border (Sunter, Kemang) with the area they lie in. Two packs are equal
    only when they are one object, so that a pack can key a cache.
    """

    path: Path
    name: str
    timezone: str
    languages: tuple[str, ...]
    settings: Mapping[str, Any]
    agencies: Mapping[str, Agency]
    services: Mapping[str, Service]
    areas: Mapping[str, Area]
    landmarks: tuple[Landmark, ...]
    streets: tuple[Street, ...] = ()
    neighbourhoods: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]]

    @property
    def journal_days(self) -> int:
        """How many days a past day's raw messages stay in the journal."""
        return int(self.settings["journal_days"])

    @property
    def shows_blurred_photos(self) -> bool:
        """Whether the public sees a photo as soon as it is blurred, or only when an official showed it."""
        return str(self.settings["public_photos"]) == "blurred"


@lru_cache(maxsize=4)
def load_pack(path: Path) -> Pack:
    """Read a city pack's folder. Raises PackError; a second call gives the same object."""
    try:
        city = _toml(path / "city.toml")
        pack = Pack(
            path=path,
            name=city["name"],
            timezone=city["timezone"],
            languages=tuple(city["languages"]),
            settings=city,
            agencies={key: _agency(key, row) for key, row in _toml(path / "agencies.toml").items()},
            services=_services(path),
            areas={row["code"]: _area(row) for row in _rows(path / "odbl" / "areas.csv")},
            landmarks=tuple(_landmarks(path)),
            streets=tuple(_street(row) for row in _rows(path / "odbl" / "streets.csv")),
            neighbourhoods=_toml(path / "neighbourhoods.toml"),
            texts={language: _toml(path / "texts" / f"{language}.toml") for language in city["languages"]},
        )
    except (OSError, KeyError, ValueError) as error:
        raise PackError(f"the city pack {path} cannot be read: {type(error).__name__}: {error}") from error
    _check(pack)
    return pack


def _check(pack: Pack) -> None:
    if type(pack.settings.get("journal_days")) is not int or pack.journal_days < 1:
        raise PackError("city.toml: journal_days is missing or no whole number of days from 1 up")
    if pack.settings.get("public_photos") not in {"blurred", "released"}:
        raise PackError('city.toml: public_photos is neither "blurred" nor "released"')
    for service in pack.services.values():
        for agency_id in (service.agency_id, *service.other_agency_ids):
            if agency_id is not None and agency_id not in pack.agencies:
                raise PackError(f"services.toml: {service.code} names an unknown agency: {agency_id}")
    for name, code in pack.neighbourhoods.items():
        if code not in pack.areas:
            raise PackError(f"neighbourhoods.toml: {name} names an unknown area: {code}")
    first, *others = pack.languages
    for language in others:
        if missing := set(pack.texts[first]) ^ set(pack.texts[language]):
            raise PackError(f"texts: {language} and {first} differ in: {', '.join(sorted(missing))}")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{path.name}: {error}") from error


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _agency(key: str, row: Mapping[str, Any]) -> Agency:
    return Agency(
        id=key,
        name=row["name"],
        aliases=tuple(row.get("aliases", ())),
        kind=row.get("kind", ""),
        handles=row.get("handles", ""),
    )


def _services(path: Path) -> dict[str, Service]:
    """Read services.toml and each language's words; a phrase of several languages keeps its largest weight."""
    rows = _toml(path / "services.toml")
    words: dict[str, dict[str, float]] = {key: {} for key in rows}
    for file in sorted((path / "words").glob("*.toml")):
        for key, phrases in _toml(file).items():
            if key not in words:
                raise PackError(f"words/{file.name} names an unknown service: {key}")
            for phrase, weight in phrases.items():
                words[key][phrase] = max(weight, words[key].get(phrase, 0.0))
    return {key: _service(key, row, words[key]) for key, row in rows.items()}


def _service(key: str, row: Mapping[str, Any], words: Mapping[str, float]) -> Service:
    return Service(
        code=key,
        name=row["name"],
        name_en=row["name_en"],
        agency_id=row.get("agency"),
        other_agency_ids=tuple(row.get("other_agencies", ())),
        group=row.get("group", ""),
        words=words,
        excludes=tuple(row.get("excludes", ())),
    )


def _area(row: Mapping[str, str]) -> Area:
    level = row["level"]
    if level not in {"kota", "kecamatan", "kelurahan"}:
        raise PackError(f"areas.csv: unknown level {level!r}")
    return Area(
        code=row["code"],
        level=level,  # type: ignore[arg-type]
        name=row["name"],
        kecamatan=row["kecamatan"] or None,
        kota=row["kota"] or None,
        lat=float(row["lat"]),
        long=float(row["long"]),
        aliases=tuple(filter(None, row["aliases"].split(";"))),
    )


def _landmarks(path: Path) -> Iterator[Landmark]:
    for name in ("landmarks.csv", "stops.csv"):
        for row in _rows(path / "odbl" / name):
            yield Landmark(
                name=row["name"],
                kind=row["kind"],
                lat=float(row["lat"]),
                long=float(row["long"]),
                area_code=row["area_code"],
            )


def _street(row: Mapping[str, str]) -> Street:
    return Street(
        name=row["name"],
        lat=float(row["lat"]) if row["lat"] else None,
        long=float(row["long"]) if row["long"] else None,
        area_codes=tuple(row["area_codes"].split(";")),
    )
