"""The city pack: agencies, services, areas and texts of one city, read once from its folder, frozen."""

import csv
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from config import checks
from config.canned import Canned, read_canned
from config.routes import Route, read_routes

PackError = checks.PackError


@dataclass(frozen=True, kw_only=True, slots=True)
class Agency:
    """Who: a body that owns problems. `id` is stable and short enough for a queue's name. `level` is that of the
    areas which its offices rule, each its own; empty for a body of the whole city. `contact` is how people reach a
    body that is not the city's themselves, as a sentence goes on: "telepon 123"."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: str = ""
    handles: str = ""
    level: str = ""
    contact: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """What: a kind of problem (Open311's service). `words` are phrases of all languages that mean it, each with
    a weight; `excludes` are phrases that speak against it; `brings` are services that it may bring with it: a
    blocked drain brings a flood, and is the problem where both are said. `further` says that it may be a further
    problem of a message; a paper or an office that is named beside a problem rather explains it. `after_photo`:
    who says that it is done shows it with a photo."""

    code: str
    name: str
    name_en: str
    agency_id: str | None
    other_agency_ids: tuple[str, ...] = ()
    group: str = ""
    words: Mapping[str, float]
    excludes: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()
    further: bool = True
    after_photo: bool = False


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
    postal_code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmark:
    """A place that people name instead of an address: a market, a school, a stop; by its kelurahan, mostly with
    its point."""

    name: str
    kind: str
    lat: float | None
    long: float | None
    area_code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Street:
    """A street's name with kelurahan it runs through; a point only where the street is short."""

    name: str
    lat: float | None
    long: float | None
    area_codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Publicity:
    """What the public is told of the place of a service's reports: `near` is an H3 resolution, "area" (the
    kelurahan and no point) or "hidden" (the report is in no list); nothing in the first `minutes`."""

    near: int | Literal["area", "hidden"]
    minutes: int


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
    routes: tuple[Route, ...] = ()
    canned: tuple[Canned, ...] = ()
    canned_done: tuple[Canned, ...] = ()
    texts: Mapping[str, Mapping[str, str]]

    @property
    def journal_days(self) -> int:
        """How many days a past day's raw messages stay in the journal."""
        return int(self.settings["journal_days"])

    @property
    def keep_days(self) -> Mapping[str, int]:
        """For how many days personal data is kept, by kind (config/checks.py: KEPT)."""
        days: Mapping[str, int] = self.settings["keep_days"]
        return days

    @property
    def shows_blurred_photos(self) -> bool:
        """Whether the public sees a photo as soon as it is blurred, or only when an official showed it."""
        return str(self.settings["public_photos"]) == "blurred"

    @property
    def promise(self) -> Mapping[str, Any]:
        """The city.toml's `[promise]`: working hours, days by service, and who is told when they are over."""
        promise: Mapping[str, Any] = self.settings["promise"]
        return promise

    @property
    def quiet(self) -> Mapping[str, Any]:
        """The city.toml's `[quiet]`: when messages that can wait are held until morning."""
        quiet: Mapping[str, Any] = self.settings["quiet"]
        return quiet

    @property
    def card(self) -> Mapping[str, Any]:
        """The city.toml's `[card]`: from where on a card is yellow or red, and how few are too few."""
        card: Mapping[str, Any] = self.settings["card"]
        return card

    @property
    def routing(self) -> Mapping[str, Any]:
        """The city.toml's `[routing]`: who gets what nobody owns, and when a rule is offered for what recurs."""
        routing: Mapping[str, Any] = self.settings["routing"]
        return routing

    def promised_days(self, service_code: str | None) -> int:
        """Within how many working days a report of this service is fixed."""
        return int(self.promise["days"].get(service_code, self.promise["other"]))

    @property
    def surge(self) -> Mapping[str, Any]:
        """The city.toml's `[surge]`: when very many reports are told and handed over as one."""
        surge: Mapping[str, Any] = self.settings["surge"]
        return surge

    def surge_of(self, service_code: str) -> tuple[int, int]:
        """So many people within so many minutes begin a surge of this service in a kecamatan."""
        own = self.surge.get("of", {}).get(service_code, {})
        return int(own.get("reports", self.surge["reports"])), int(own.get("minutes", self.surge["minutes"]))

    def nearness(self, service_code: str | None) -> tuple[int, int]:
        """So many metres and days apart two reports of this service may be of one problem."""
        joins = self.settings["joins"]
        own = joins["services"].get(service_code, joins)
        return int(own["metres"]), int(own["days"])

    @lru_cache(maxsize=1000)  # noqa: B019 (few packs, which stay)
    def publicity(self, service_code: str | None) -> Publicity:
        """What the public is told of the place of this service's reports, by the city.toml's `[public]`."""
        public = self.settings["public"]
        is_known = service_code in self.services
        own = public["services"].get(service_code, public) if is_known else public["unknown"]
        return Publicity(near=own["near"], minutes=own["minutes"])

    @property
    def never_joined(self) -> frozenset[str]:
        """Services of which each report is its own: they concern a person or a paper."""
        return frozenset(self.settings["joins"]["never"])


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
            landmarks=(*_landmarks(path), *_own_landmarks(path)),
            streets=(*map(_street, _rows(path / "odbl" / "streets.csv")), *_own_streets(path)),
            neighbourhoods=_toml(path / "neighbourhoods.toml"),
            routes=read_routes(_toml(path / "routes.toml")),
            canned=_canned(path, city["languages"], "answer"),
            canned_done=_canned(path, city["languages"], "done"),
            texts={language: _toml(path / "texts" / f"{language}.toml") for language in city["languages"]},
        )
        checks.check(pack)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise PackError(f"the city pack {path} cannot be read: {type(error).__name__}: {error}") from error
    return pack


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{path.name}: {error}") from error


def _canned(path: Path, languages: Sequence[str], table: str) -> tuple[Canned, ...]:
    """The canned answers, or what was done; a city may have none."""
    file = path / "canned.toml"
    rows = _toml(file).get(table, []) if file.exists() else []
    return read_canned(rows, languages, _toml(path / "services.toml"))


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
        level=row.get("level", ""),
        contact=row.get("contact", ""),
    )


def _services(path: Path) -> dict[str, Service]:
    """Read services.toml and each language's words; a phrase of several languages keeps its largest weight."""
    rows = _toml(path / "services.toml")
    words: dict[str, dict[str, float]] = {key: {} for key in rows}
    for file in sorted((path / "words").glob("*.toml")):
        for key, phrases in _toml(file).items():
            if key not in words:
                raise PackError(f"words/{file.name} names an unknown service: {key}")
            for written, weight in phrases.items():
                for phrase in _each(written):
                    words[key][phrase] = max(weight, words[key].get(phrase, 0.0))
    return {key: _service(key, row, words[key]) for key, row in rows.items()}


def _each(written: str) -> Iterator[str]:
    """Write alternatives out: "a|b c|d_e" -> "a c", "a d e", "b c", "b d e"."""
    if "|" not in written:
        yield written
        return
    for parts in product(*(part.split("|") for part in written.split(" "))):
        yield " ".join(parts).replace("_", " ")


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
        brings=tuple(row.get("brings", ())),
        further=bool(row.get("further", True)),
        after_photo=_yes_or_no(key, row, "after_photo"),
    )


def _yes_or_no(code: str, row: Mapping[str, Any], key: str) -> bool:
    said = row.get(key, False)
    if not isinstance(said, bool):
        raise PackError(f"services.toml: {key} of {code} is neither true nor false")
    return said


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
        postal_code=row.get("postal_code", ""),
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


def _own_names(path: Path, table: str) -> Iterator[tuple[str, str]]:
    """Give each name of a table of places.toml with its kelurahan's code."""
    for code, names in _toml(path / "places.toml")[table].items():
        for name in names.split(";"):
            yield " ".join(name.split()), code


def _own_streets(path: Path) -> Iterator[Street]:
    codes: dict[str, list[str]] = {}
    for name, code in _own_names(path, "streets"):
        codes.setdefault(name, []).append(code)
    for name, found in codes.items():
        yield Street(name=name, lat=None, long=None, area_codes=tuple(found))
    for name, span in _toml(path / "places.toml")["roads"].items():
        yield Street(name=name, lat=None, long=None, area_codes=tuple(span.split()))


def _own_landmarks(path: Path) -> Iterator[Landmark]:
    for name, code in _own_names(path, "places"):
        yield Landmark(name=name, kind="known", lat=None, long=None, area_code=code)
