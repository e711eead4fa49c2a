"""What happens in the city, from a seed: its agencies, how diligent each is, what citizens say, and when."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from config.pack import Pack, Street, load_pack
from config.settings import ROOT
from normalizer.schema import Position

START = datetime(2026, 3, 1, 17, tzinfo=UTC)  # Monday 2 March 2026, midnight in Jakarta: Lebaran lies in it
DAYS, A_DAY, FLOOD_DAY, FLOOD = 90, 700, 45, 20_000
SPLIT = ("dbm", "dsda", "dlh", "tamhut")  # dinas whose five suku dinas work for themselves here
TWICE, SAME_PHOTO, PIN = (
    0.08,
    0.2,
    0.5,
)  # problems told by a second person; of these with the same photo; with a pin
PHOTOS = 0.6  # of the reports that do not come by SMS
MOST_METRES = 25  # between two people's pins of one problem


@dataclass(kw_only=True, slots=True)
class Problem:
    """One thing that is wrong at one spot."""

    number: int
    service: str
    street: Street
    area_code: str
    point: Position
    photo: str | None  # a perceptual hash
    codes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """One person tells a problem."""

    at: datetime
    problem: Problem
    person: int
    text: str
    pin: Position | None
    photo: str | None
    is_second: bool = False


def city_pack(folder: Path) -> Pack:
    """Jakarta's pack with the suku dinas of the five cities in place of four dinas."""
    path = shutil.copytree(ROOT / "config" / "jakarta", folder / "city")
    pack = load_pack(ROOT / "config" / "jakarta")
    cities = [area for area in pack.areas.values() if area.level == "kota"]
    rules, bodies = "", ""
    for dinas in SPLIT:
        services = [each.code for each in pack.services.values() if each.agency_id == dinas]
        for city in cities:
            name = f"{dinas}_{city.code.replace('.', '')}"
            bodies += f'\n[{name}]\nname = "Sudin {dinas.upper()} {city.name}"\nkind = "suku dinas"\n'
            rules += f'\n[[route]]\nservices = {services!r}\nareas = ["{city.code}"]\nagency = "{name}"\n'.replace(
                "'", '"'
            )
    for file, more in (("routes.toml", rules), ("agencies.toml", bodies)):
        with (path / file).open("a", encoding="utf-8") as open_file:
            open_file.write(more)
    return load_pack(path)


def diligence_of(agencies: Sequence[str], random: Random) -> dict[str, float]:
    """The share of its reports that each finishes in time: from 0.35 to 0.99, each its own."""
    shares = [0.35 + 0.64 * number / (len(agencies) - 1) for number in range(len(agencies))]
    random.shuffle(shares)
    return dict(zip(agencies, shares, strict=True))


class Citizens:
    """Everything that citizens tell in the ninety days, in the order of time."""

    def __init__(self, pack: Pack, random: Random, a_day: int = A_DAY, flood: int = FLOOD) -> None:
        self.pack, self.random, self.a_day, self.flood = pack, random, a_day, flood
        self.phrases = {code: _phrases(pack, code) for code in pack.services}
        self.services = [code for code, phrases in self.phrases.items() if phrases and _is_usual(pack, code)]
        self.streets = [
            street for street in pack.streets if len(street.area_codes) == 1 and street.lat is not None
        ]
        self.problems = self.people = 0

    def __iter__(self) -> Iterator[Telling]:
        tellings: list[Telling] = []
        for day in range(DAYS):
            at = START + timedelta(days=day)
            for _ in range(self.a_day):
                tellings += self._told(self._moment(at))
            if day == FLOOD_DAY:
                tellings += self._flood(at)
        return iter(sorted(tellings, key=lambda each: each.at))

    def _moment(self, day: datetime) -> datetime:
        """Mostly by day, some at night."""
        hour = min(max(self.random.gauss(13, 4), 0), 23.99)
        return day + timedelta(hours=hour)

    def _told(self, at: datetime) -> Iterator[Telling]:
        problem = self._problem(self.random.choice(self.services))
        yield self._telling(at, problem)
        if self.random.random() < TWICE and problem.service not in self.pack.never_joined:
            later = at + timedelta(hours=self.random.uniform(0.1, 30))
            yield self._telling(later, problem, is_second=True)

    def _flood(self, day: datetime) -> Iterator[Telling]:
        """Twelve kecamatan under water from four in the morning on."""
        areas = [area.code for area in self.pack.areas.values() if area.level == "kecamatan"]
        wet = tuple(self.random.sample(areas, 12))
        streets = [street for street in self.streets if street.area_codes[0].startswith(wet)]
        for _ in range(self.flood):
            problem = self._problem("banjir", self.random.choice(streets))
            yield self._telling(day + timedelta(hours=self.random.triangular(4, 20, 8)), problem)

    def _problem(self, service: str, street: Street | None = None) -> Problem:
        street = street or self.random.choice(self.streets)
        self.problems += 1
        point = Position(lat=street.lat or 0.0, long=street.long or 0.0)
        photo = f"{self.random.getrandbits(64):016x}" if self.random.random() < PHOTOS else None
        return Problem(
            number=self.problems,
            service=service,
            street=street,
            area_code=street.area_codes[0],
            point=_beside(point, 60, self.random),
            photo=photo,
        )

    def _telling(self, at: datetime, problem: Problem, *, is_second: bool = False) -> Telling:
        self.people += 1
        area, pin = self.pack.areas[problem.area_code], None
        what = self.random.choice(self.phrases[problem.service])
        words = f"{what} di Jl. {problem.street.name}, Kelurahan {area.name}"
        if self.random.random() < PIN:
            pin = _beside(problem.point, MOST_METRES, self.random)
        photo = problem.photo
        if is_second and self.random.random() >= SAME_PHOTO:
            photo = f"{self.random.getrandbits(64):016x}" if photo else None
        return Telling(
            at=at,
            problem=problem,
            person=self.people,
            text=words,
            pin=pin,
            photo=photo,
            is_second=is_second,
        )


def _is_usual(pack: Pack, code: str) -> bool:
    """A kind of problem that a city's own agency mends at a spot or for a person."""
    service = pack.services[code]
    return service.agency_id is not None and code not in {"lainnya", "bukan_aduan", "banjir"}


def _phrases(pack: Pack, code: str) -> list[str]:
    """The eight surest phrases of two words and more that are nobody else's."""
    others = {phrase for each in pack.services.values() if each.code != code for phrase in each.words}
    own = [
        (weight, phrase)
        for phrase, weight in pack.services[code].words.items()
        if " " in phrase and not set(phrase) & set("~*")
    ]
    return [phrase for _, phrase in sorted(own, reverse=True) if phrase not in others][:8]


def _beside(point: Position, metres: float, random: Random) -> Position:
    """A point at most so far away."""
    north, east = random.uniform(-1, 1) * metres / 1.5, random.uniform(-1, 1) * metres / 1.5
    return Position(lat=round(point.lat + north / 111_195, 6), long=round(point.long + east / 110_500, 6))
