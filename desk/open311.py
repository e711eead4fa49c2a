"""Open311 GeoReport v2 for reading: discovery, services, requests (wiki.open311.org/GeoReport_v2)."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, or_
from starlette.requests import Request
from starlette.responses import Response

from config.pack import Service
from desk.areas import areas_of
from desk.open311_words import Item, Refused, answer, answer_one, date, error, read_date, statuses_of
from desk.photos import is_picture, photo_file, photo_numbers
from desk.rights import Official, may_see, official_of, official_of_key, sees_all
from desk.wire import seen, typed_code
from router import shown
from router.house import House
from router.replies import place_name
from router.status import is_open
from store import accounts, queries
from store.models import Report
from store.public import is_listed

PAGE_SIZE = 50
LARGEST_PAGE = 1000
LAST_PAGE = 1_000_000
KEY_IN_URL = "an api_key does not belong into an address: send it as `Authorization: Bearer …` or in the body"

KEY_SERVICE = (
    "Keys are given by the operator: run_bots.py user add NAME --role officer --agency ID --key. "
    "Those read requests and send servicerequestupdates; creating requests needs a key of OPEN311_API_KEYS."
)

Work = Callable[[House, Request], Response]


def reader(house: House, work: Work) -> Callable[[Request], Response]:
    """A GET endpoint: what is refused is answered in the format that was asked for."""

    def endpoint(request: Request) -> Response:
        format_ = request.path_params.get("format", "json")
        if format_ not in {"json", "xml"}:
            return error("json", 404, "the formats are json and xml")
        try:
            return work(house, request)
        except Refused as refused:
            return error(format_, refused.status, str(refused))

    return endpoint


def caller(house: House, request: Request, key_in_body: str | None = None) -> Official | None:
    """Who brings a key; None without one. Raises Refused: 400 for a key in the address, 403 for a wrong one."""
    if "api_key" in request.query_params:
        raise Refused(400, KEY_IN_URL)
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = key_in_body or (bearer.strip() if kind.lower() == "bearer" else "")
    if not key:
        return None
    for known in house.settings.api_keys:
        if accounts.same(known.key, key):
            return official_of_key(known)
    with house.store.read() as session:
        officer = accounts.officer_of_key(session, key)
    if officer is None:
        raise Refused(403, "this api_key is not known")
    return official_of(officer)


def discovery(house: House, request: Request) -> Response:
    formats = ["text/xml", "application/json"]
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": f"{house.settings.base_url}/open311/v2",
        "changeset": "2026-11-22T00:00:00+07:00",
        "type": "production",
        "formats": formats,
    }
    item = {
        "changeset": endpoint["changeset"],
        "contact": f"{house.pack.name}: {house.settings.email_address}",
        "key_service": KEY_SERVICE,
        "endpoints": [endpoint],
    }
    return answer_one(request.path_params["format"], "discovery", item)


def services(house: House, request: Request) -> Response:
    english = _is_english(request)
    items = [_service_item(service, english) for service in house.pack.services.values()]
    return answer(request.path_params["format"], "services", "service", items)


def service(house: House, request: Request) -> Response:
    """A service's definition: none of ours asks further questions, so its attributes are empty."""
    found = house.pack.services.get(request.path_params["service_code"])
    if found is None:
        raise Refused(404, "there is no service with this service_code")
    item = {**_service_item(found, _is_english(request)), "attributes": []}
    return answer_one(request.path_params["format"], "service_definition", item)


def _is_english(request: Request) -> bool:
    return request.query_params.get("locale", "").lower().startswith("en")


def _service_item(found: Service, english: bool) -> dict[str, Any]:
    return {
        "service_code": found.code,
        "service_name": found.name_en if english else found.name,
        "description": found.name if english else found.name_en,
        "metadata": False,
        "type": "realtime",
        "keywords": ",".join(list(found.words)[:10]),
        "group": found.group,
    }


def requests(house: House, request: Request) -> Response:
    """GET requests: the newest first, `page_size` at a time (50, at most 1000)."""
    official = caller(house, request)
    wanted = wanted_of(house, request, official)
    with house.store.read() as session:
        reports = queries.wanted_reports(session, wanted)
    items = [request_item(house, report, official) for report in reports]
    return answer(request.path_params["format"], "service_requests", "request", items)


def request(house: House, request: Request) -> Response:
    official = caller(house, request)
    with house.store.read() as session:
        report = queries.public_report(session, typed_code(request.path_params["code"]))
    if report is None or not _may_know(house, report, official):
        raise Refused(404, "there is no request with this service_request_id")
    items = [request_item(house, report, official)]
    return answer(request.path_params["format"], "service_requests", "request", items)


def _may_know(house: House, report: Report, official: Official | None) -> bool:
    """Whether who knows the code is told of the report, as at /r/CODE, or this key sees it anyway."""
    return not shown.is_hidden(house.pack, report) or (official is not None and may_see(official, report))


def visible_to(house: House, official: Official | None) -> ColumnElement[bool] | None:
    """The same in SQL; None where there is nothing that they may not see."""
    if official is None:
        return is_listed(house.pack, house.now())
    if sees_all(official):
        return None
    areas = areas_of(official, house.pack)
    theirs = Report.agency_id == official.agency_id if areas is None else Report.area_code.in_(areas)
    return or_(is_listed(house.pack, house.now()), theirs)


def wanted_of(house: House, request: Request, official: Official | None) -> queries.Wanted:
    """Read the filters of the address. Raises Refused for a date, status or page that cannot be read."""
    zone = ZoneInfo(house.pack.timezone)

    def at(name: str, *, ends: bool = False) -> Any:
        text = request.query_params.get(name)
        return read_date(name, text, zone, ends=ends) if text else None

    statuses = [statuses_of(word) for word in _words(request, "status")]
    size = _number(request, "page_size", PAGE_SIZE, LARGEST_PAGE)
    return queries.Wanted(
        codes=_codes(request),
        service_codes=_list(request, "service_code"),
        statuses=frozenset().union(*statuses) if statuses else None,
        agency_ids=_agencies(house, request),
        requested_from=at("start_date"),
        requested_to=at("end_date", ends=True),
        updated_from=at("updated_after"),
        updated_to=at("updated_before", ends=True),
        visible=visible_to(house, official),
        start=(_number(request, "page", 1, LAST_PAGE) - 1) * size,
        limit=size,
    )


def _codes(request: Request) -> list[str] | None:
    codes = _list(request, "service_request_id")
    return None if codes is None else [typed_code(code) for code in codes]


def _words(request: Request, name: str) -> list[str]:
    """The words of a list as they were said; what has no letters is a word too, and an unknown one."""
    text = request.query_params.get(name, "")
    return [part for part in text.split(",") if part.strip()] or ([text] if text else [])


def _list(request: Request, name: str) -> list[str] | None:
    parts = [seen(part).strip() for part in request.query_params.get(name, "").split(",")]
    return [part for part in parts if part][:LARGEST_PAGE] or None


def _number(request: Request, name: str, default: int, largest: int) -> int:
    text = (request.query_params.get(name) or str(default)).strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= largest:
        raise Refused(400, f"{name} must be a number from 1 to {largest}")
    return number


def _agencies(house: House, request: Request) -> list[str] | None:
    """The ids of the agencies that were named by id, name or alias; an unknown one matches nothing."""
    names = _list(request, "agency_responsible")
    return None if names is None else [find_agency(house, name) or "?" for name in names]


def find_agency(house: House, said: str) -> str | None:
    """An agency's id from its id, name or alias, in any case."""
    wanted = " ".join(said.lower().split())
    for agency in house.pack.agencies.values():
        if wanted in {agency.id.lower(), agency.name.lower()}:
            return agency.id
    matches = [a.id for a in house.pack.agencies.values() if wanted in {alias.lower() for alias in a.aliases}]
    return matches[0] if len(matches) == 1 else None


def request_item(house: House, report: Report, official: Official | None) -> Item:
    """One request: all of it for those who may see the report, otherwise what is public."""
    pack, zone = house.pack, ZoneInfo(house.pack.timezone)
    agency = pack.agencies.get(report.agency_id or "")
    found = pack.services.get(report.service_code or "")
    notes = [note for line in report.history if (note := shown.notes(pack, report, line))]
    knows_all = official is not None and may_see(official, report)
    lat, long = _point(house, report, knows_all)
    return {
        "service_request_id": report.code,
        "status": "open" if is_open(report.status) else "closed",
        "extended_status": report.status,
        "status_notes": notes[-1] if notes else None,
        "service_code": report.service_code,
        "service_name": found.name if found else None,
        "description": report.description if knows_all else shown.words(pack, report),
        "agency_responsible": agency.name if agency else None,
        "agency_id": report.agency_id,
        "service_notice": None,
        "requested_datetime": date(report.requested_at, zone),
        "updated_datetime": date(report.updated_at, zone),
        "expected_datetime": date(report.expected_at, zone) if report.expected_at else None,
        "address": place_name(pack, report) if knows_all else shown.area_name(pack, report),
        "address_id": report.area_code if knows_all or not shown.is_hidden(pack, report) else None,
        "zipcode": None,
        "lat": lat,
        "long": long,
        "media_url": _media_url(house, report) if knows_all else _public_media_url(house, report),
        **({"urgent": report.urgent, "channel": report.channel} if knows_all else {}),
    }


def _media_url(house: House, report: Report) -> str | None:
    """Where a key gets the first photo."""
    pictures = [photo.id for photo in report.photos if is_picture(photo)]
    return f"{house.settings.base_url}/open311/v2/photos/{pictures[0]}" if pictures else None


def _public_media_url(house: House, report: Report) -> str | None:
    """Where everybody gets the first photo that is shown to the public."""
    numbers = photo_numbers(house.pack, report)
    return f"{house.link(report.code)}/photos/{numbers[0]}" if numbers else None


def photo(house: House, request: Request) -> Response:
    """GET photos/ID, with a key whose agency may see the report."""
    official = caller(house, request)
    if official is None:
        return error("json", 403, "an api_key is needed: `Authorization: Bearer …`")
    found = photo_file(house, official, request.path_params["id"])
    return found or error("json", 404, "there is no photo with this number")


def _point(house: House, report: Report, knows_all: bool) -> tuple[float | None, float | None]:
    """Lat and long in degrees; the public gets a point of the report's cell (docs/decisions/0024)."""
    if not knows_all:
        spot = shown.spot(house, report)
        return (spot.lat, spot.long) if spot else (None, None)
    return tuple(None if value is None else round(value, 6) for value in (report.lat, report.long))  # type: ignore[return-value]
