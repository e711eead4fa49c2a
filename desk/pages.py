"""Draws the pages: templates, the reader's language, times and names as people say them."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from config.pack import Pack
from desk.wire import seen
from router.house import House
from router.replies import place_name, service_name
from store.models import Report

HERE = Path(__file__).resolve().parent
LANGUAGES = ("id", "en")
LANGUAGE_COOKIE = "lapor_language"
A_YEAR = 365 * 24 * 3600


@cache
def texts(language: str) -> Mapping[str, str]:
    return tomllib.loads((HERE / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


def language_of(request: Request) -> str:
    """What the toggle asked for now or before; Indonesian otherwise."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return asked
    return LANGUAGES[0]


def is_secure(house: House) -> bool:
    return house.settings.base_url.startswith("https://")


def render(house: House, request: Request, template: str, *, status: int = 200, **words: Any) -> Response:
    """One page in the reader's language; never kept by a browser or a proxy."""
    language = language_of(request)
    page = _environment().get_template(template)
    response = HTMLResponse(
        page.render({**_words_of(house, request, language), **words}),
        status_code=status,
        headers={"Cache-Control": "no-store", "Content-Language": language},
    )
    if request.query_params.get("lang") == language != request.cookies.get(LANGUAGE_COOKIE):
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=A_YEAR, httponly=True, samesite="lax", secure=is_secure(house)
        )
    return response


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_without_unseen,
    )


def _without_unseen(value: Any) -> Any:
    return seen(value) if type(value) is str else value


def _words_of(house: House, request: Request, language: str) -> dict[str, Any]:
    said = texts(language)
    return {
        "t": said,
        "language": language,
        "toggle": _toggle(request, language),
        "city": house.pack.name,
        "when": partial(when, zone=ZoneInfo(house.pack.timezone), months=said["months"]),
        "status_word": partial(status_word, house.pack, said),
        "agency_name": partial(agency_name, house.pack, said),
        "area_name": partial(_area, house.pack),
        "service": partial(_service, house.pack, language),
        "further": partial(_further, house.pack, language),
        "place": partial(_place, house.pack, language),
        "options": options,
        "nav": None,
    }


def _toggle(request: Request, language: str) -> str:
    """The same page in the other language, as a relative link: the Host header is not believed."""
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", other)])


def when(at: datetime, *, zone: ZoneInfo, months: str) -> str:
    """`22 Nov 2026 12.32`, the city's time."""
    local = at.astimezone(zone)
    return f"{local.day} {months.split()[local.month - 1]} {local.year} {local:%H.%M}"


def service_names(pack: Pack, language: str) -> dict[str, str]:
    """All services by code, sorted by the reader's name for them."""
    names = {code: service_name(pack, code, language) or code for code in pack.services}
    return dict(sorted(names.items(), key=lambda item: item[1].lower()))


def agency_names(pack: Pack) -> dict[str, str]:
    """All agencies by id, sorted by name."""
    return {agency.id: agency.name for agency in sorted(pack.agencies.values(), key=lambda each: each.name)}


def options(names: Mapping[str, str], chosen: str | None = None) -> Markup:
    """The <option>s of a <select>, value -> words; drawn once for all readers of the same list."""
    return _options(tuple(names.items()), chosen)


@lru_cache(maxsize=512)
def _options(names: tuple[tuple[str, str], ...], chosen: str | None) -> Markup:
    return Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if value == chosen else "", seen(words)
        )
        for value, words in names
    )


def agency_name(pack: Pack, said: Mapping[str, str], agency_id: str | None) -> str:
    agency = pack.agencies.get(agency_id or "")
    return agency.name if agency else said["no_agency"]


def _area(pack: Pack, area_code: str) -> str:
    area = pack.areas.get(area_code)
    return area.name if area else area_code


def status_word(pack: Pack, said: Mapping[str, str], status: str, agency_id: str | None = None) -> str:
    template = said.get(f"status_{status}", status)
    return template.format(agency=agency_name(pack, said, agency_id))


def _service(pack: Pack, language: str, report: Report) -> str:
    return service_name(pack, report.service_code, language) or texts(language)["no_service"]


def _further(pack: Pack, language: str, report: Report) -> str:
    """The further problems that the report's words name, as one line, "" where there are none."""
    codes = (report.sources or {}).get("service", {}).get("also", ())
    return ", ".join(filter(None, (service_name(pack, code, language) for code in codes)))


def _place(pack: Pack, language: str, report: Report) -> str:
    return place_name(pack, report) or texts(language)["no_place"]
